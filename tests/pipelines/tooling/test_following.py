"""What waits for a step, and its part of the estimate."""

from __future__ import annotations

import datetime

import pytest

from pipelines.language import load_pipeline
from pipelines.tooling import Following, estimate, following
from tests.pipelines.tooling.test_estimating import MODELS

TEXT = """
name: p
inputs: {names: {type: array}}
steps:
  - {name: before, type: claude, prompt: "Begin."}
  - {name: ask, type: approval, message: "Go on after {{ steps.before.text }}?"}
  - {name: first, type: claude, prompt: "One.", max_tokens: 100, condition: ask.approved}
  - {name: second, type: test_echo, value: "{{ steps.first.text }}"}
  - {name: apart, type: claude, prompt: "Nobody waits."}
  - name: each
    type: for_loop
    data_source: "{{ inputs.names }}"
    depends_on: [second]
    steps:
      - {name: sure, type: approval, message: "Keep {{ loop.item }}?"}
      - {name: keep, type: claude, prompt: "Keep it.", depends_on: [sure], model: nobody-knows-it}
  - {name: last, type: test_echo, value: 1, depends_on: [each]}
finally:
  - {name: tidy, type: test_echo, value: 1}
"""


def follow(key: str, text: str = TEXT) -> Following:
    pipeline = load_pipeline(text)
    found = estimate(pipeline, {"names": ["a"]}, MODELS, datetime.date(2026, 11, 21), lambda _: None)
    return following(pipeline, key, found)


def test_what_waits_directly_or_through_others_is_named_with_its_cost_and_nothing_else() -> None:
    after = follow("ask")
    assert after.steps == ("first", "second", "each", "last")
    low, high = after.cost_usd
    assert low == 0  # `first` may be skipped by its condition
    assert high > 0
    assert (after.unpriced, after.passes) == (("each/keep",), ())


def test_inside_a_loop_the_rest_of_the_pass_counts_and_what_waits_for_the_loop() -> None:
    after = follow("each[3]/sure")
    assert (after.steps, after.passes) == (("each/keep", "last"), ("each",))


def test_nothing_waits_for_the_last_step_and_it_costs_nothing() -> None:
    assert follow("last") == Following(())


@pytest.mark.parametrize("key", ["gone", "ask/inside", ""])
def test_a_step_that_the_definition_does_not_have_is_no_error(key: str) -> None:
    assert follow(key).steps in ((), ("first", "second", "each", "last"))
