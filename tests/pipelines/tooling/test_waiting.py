"""What the tools say of steps that wait."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipelines.language import load_pipeline
from pipelines.tooling import estimate, explain, pipeline_schema
from tests.pipelines.tooling.test_estimating import MODELS

TEXT = """
name: p
steps:
  - {name: ask, type: approval, message: "Go on?", fields: {n: integer}, expires_in: 1h, on_reject: continue}
  - {name: pause, type: wait, for: 5m, depends_on: [ask]}
  - {name: late, type: wait, until: "{{ inputs.at }}", depends_on: [pause]}
"""


def test_an_estimate_counts_a_stated_time_and_says_that_a_person_s_is_not_known() -> None:
    found = estimate(load_pipeline(TEXT), {}, MODELS, datetime.date(2026, 1, 1), lambda _: None)
    assert (found.seconds.low, found.seconds.high, found.unpriced) == (300.0, 3_900.0, ())
    assert {each.step: each.notes for each in found.steps} == {
        "ask": ("waits for a person: nobody knows how long, at most 3600 s",),
        "late": ("how long it waits is not counted: only the run knows",),
    }


def test_an_explanation_says_who_is_asked_what_and_what_a_no_means() -> None:
    told = explain(load_pipeline(TEXT), MODELS.routing)
    assert "'ask' waits until a person answers 'Go on?' with approve or reject and fills in what it asks for" in told
    assert "after 3600 s without an answer: reject" in told
    assert "the run goes on, and conditions see `approved: false`" in told
    assert "'pause' after ask waits 300 s." in told
    assert "'late' after pause waits until {{ inputs.at }}." in told
    assert "another way is looked for" not in told


def test_an_explanation_says_how_many_must_approve_and_who_may_not() -> None:
    text = TEXT.replace('message: "Go on?"', 'message: "Go on?", approvals_needed: 2, not_by_submitter: true')
    told = explain(load_pipeline(text), MODELS.routing)
    assert "'ask' waits until 2 persons approve 'Go on?' with approve or reject (one no is enough)" in told
    assert ", but not whoever submitted the run and fills in what it asks for" in told


@pytest.mark.parametrize(
    ("step", "fits"),
    [
        ({"type": "approval", "message": "Go on?", "approvals_needed": 2, "not_by_submitter": True}, True),
        ({"type": "wait", "message": "Go on?", "always_ask": True}, True),
        ({"type": "approval", "message": "Go on?", "approvals_needed": 0}, False),
        ({"type": "wait", "for": "5m"}, True),
        ({"type": "wait", "for": 5}, True),
        ({"type": "wait", "until": "{{ inputs.at }}"}, True),
        ({"type": "wait", "message": "Go on?"}, True),
        ({"type": "wait", "for": "approval", "message": "Go on?", "choices": ["yes", "no"]}, True),
        ({"type": "approval", "message": "Go on?", "expires_in": "2d"}, True),
        ({"type": "wait"}, False),
        ({"type": "approval"}, False),
        ({"type": "approval", "message": "Go on?", "on_expiry": "maybe"}, False),
        ({"type": "approval", "message": "Go on?", "mesage": "x"}, False),
    ],
)
def test_an_editor_takes_what_the_loader_takes(step: dict[str, Any], fits: bool) -> None:
    schema: Any = Draft202012Validator(pipeline_schema())
    assert schema.is_valid({"name": "p", "steps": [{"name": "a", **step}]}) is fits
