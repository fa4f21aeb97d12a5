"""`approval` and `wait` as people write them, and what is refused with its fix."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.language import ApprovalStep, InvalidPipelineError, WaitStep, load_pipeline, to_yaml


def step(text: str) -> Any:
    pipeline = load_pipeline(f"name: p\nsteps:\n  - {{name: a, {text}}}\n")
    assert load_pipeline(to_yaml(pipeline)).content_hash == pipeline.content_hash
    return pipeline.steps[0]


@pytest.mark.parametrize(
    "text", ["type: wait, message: Go?", "type: wait, for: approval, message: Go?", "type: approval, prompt: Go?"]
)
def test_a_wait_with_a_question_is_an_approval(text: str) -> None:
    asked = step(text)
    assert isinstance(asked, ApprovalStep)
    assert (asked.message, asked.choices, asked.on_error) == ("Go?", ("approve", "reject"), "fail")


def test_new_keys_leave_the_content_of_older_definitions_as_it_was() -> None:
    text = "name: p\nsteps:\n  - {name: a, type: approval, message: Go?%s}\n"
    said = ", approvals_needed: 1, not_by_submitter: false, always_ask: false"
    assert load_pipeline(text % "").content_hash == load_pipeline(text % said).content_hash
    asked = step("type: wait, message: Go?, approvals_needed: 2")
    assert isinstance(asked, ApprovalStep)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("for: 90", 90), ("for: 90s", 90), ("for: 1.5h", 5400), ("for_s: 5 min", 300), ("duration: 2 days", 172_800)],
)
def test_a_time_may_be_written_with_its_unit(text: str, seconds: float) -> None:
    waits = step(f"type: wait, {text}")
    assert isinstance(waits, WaitStep)
    assert waits.for_s == seconds
    assert step(f"type: approval, message: x, {text.replace('for_s', 'for').replace('duration', 'for')}".replace(
        "for:", "expires_in:"
    )).expires_in_s == seconds  # fmt: skip


def test_a_wait_with_a_time_and_a_message_waits_for_the_time() -> None:
    waits = step("type: wait, for: 5m, message: let it cool down")
    assert isinstance(waits, WaitStep)
    assert waits.message == "let it cool down"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("type: wait", "either `for_s` (seconds) or `until` (a moment), or a `message` to approve"),
        ("type: wait, for: soon", "`for_s: soon` is no time: write seconds, `90s`"),
        ("type: wait, until: tomorrow", "`until: tomorrow` is no moment: write it as 2030-01-31T18:00:00Z"),
        ("type: approval", "missing required 'message'"),
        ("type: approval, message: x, choices: [reject]", "one of the `choices` must"),
        ("type: approval, message: x, choices: [a, a]", "each of the `choices` may be there once"),
        ("type: approval, message: x, on_expiry: approve", "`on_expiry` needs `expires_in_s`"),
        (
            "type: approval, message: x, expires_in: 1h, on_expiry: approve, fields: {n: integer}",
            "`on_expiry: approve` cannot fill in the `fields`",
        ),
        (
            "type: approval, message: x, expires_in: 1h, on_expiry: approve, approvals_needed: 2",
            "`on_expiry: approve` cannot stand for several persons",
        ),
        ("type: approval, message: x, approvals_needed: 11", "approvals_needed"),
        ("type: approval, message: x, fields: integer", "the fields are no map of names"),
        ("type: approval, message: '{{ steps.nowhere }}'", "nowhere"),
        (
            "type: gemini, prompt: x, functions: [{name: f, step: {type: wait, for: 5s}}]",
            "a wait step cannot answer a function call",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place_and_the_fix(text: str, told: str) -> None:
    with pytest.raises(InvalidPipelineError) as refused:
        step(text)
    assert told in str(refused.value)
    assert ":3:" in str(refused.value)


def test_what_a_question_shows_makes_it_wait_for_the_steps_it_shows() -> None:
    pipeline = load_pipeline(
        "name: p\nsteps:\n"
        "  - {name: a, type: approval, message: Go?, preview: {plan: '{{ steps.b }}'}}\n"
        "  - {name: b, type: test_echo, value: 1}\n"
    )
    assert pipeline.dependency_graph["a"] == {"b"}
