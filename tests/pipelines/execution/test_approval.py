"""Questions to people: ids, what counts as an answer, what expiry means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pipelines.execution import (
    Decision,
    Question,
    Reply,
    approval_result,
    decide,
    decision_of,
    expired,
    id_of,
    kept,
    place_of,
    question_of,
)

SEGMENT = some.from_regex(r"[A-Za-z_][A-Za-z0-9_\-]{0,8}(\[\d{1,3}\])?", fullmatch=True)


def question(**more: Any) -> Question:
    facts: dict[str, Any] = {
        "id": "r/ask",
        "run_id": "r",
        "pipeline": "p",
        "step": "ask",
        "message": "Go?",
        "preview": {"x": [1]},
        "choices": ("approve", "reject"),
        "fields": None,
        "asked_at": 100.0,
    }
    return Question(**{**facts, **more})


@given(some.lists(SEGMENT, min_size=1, max_size=4).map("/".join))
def test_an_id_leads_back_to_its_step_and_holds_nothing_that_a_shell_reads(key: str) -> None:
    made = id_of("run-1", key)
    assert place_of(made) == ("run-1", key)
    assert not set(made) & set("[]*?{}$ ")


def test_questions_and_decisions_come_back_from_json_as_they_were() -> None:
    asked = question(fields={"type": "object"}, expires_at=200.0, on_expiry="fail")
    said = Decision("approve", True, "ada", "", {"n": 1}, 150.0)
    assert question_of(json.loads(json.dumps(kept(asked)))) == asked
    assert decision_of(json.loads(json.dumps(kept(said)))) == said
    assert (question_of(None), question_of({"id": 1}), decision_of([])) == (None, None, None)


@pytest.mark.parametrize(
    ("choices", "reply", "expected"),
    [
        (("approve", "reject"), Reply(approve=True), ("approve", True)),
        (("approve", "reject"), Reply(approve=False), ("reject", False)),
        (("approve", "reject"), Reply("approve", True), ("approve", True)),
        (("yes", "no"), Reply(approve=True), ("yes", True)),
        (("yes", "no"), Reply("no"), ("no", False)),
        (("now", "later"), Reply("later"), ("later", True)),
        (("now", "later"), Reply(approve=False), ("reject", False)),
        (("now", "later"), Reply("reject"), ("reject", False)),
    ],
)
def test_every_choice_but_a_refusal_approves_and_a_person_may_always_reject(
    choices: tuple[str, ...], reply: Reply, expected: tuple[str, bool]
) -> None:
    made = decide(question(choices=choices), reply, "ada", 150.0)
    assert isinstance(made, Decision)
    assert (made.choice, made.approved, made.by, made.at) == (*expected, "ada", 150.0)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(), "say `choice` (one of: now, later) or `approve`"),
        (Reply(approve=True), "several ways to approve; say `choice`, one of: now, later"),
        (Reply("never"), "there is no choice 'never'; there are: now, later"),
        (Reply("now", False), "contradict each other"),
    ],
)
def test_what_is_no_answer_is_told_with_the_fix(reply: Reply, problem: str) -> None:
    told = decide(question(choices=("now", "later")), reply, "ada", 150.0)
    assert isinstance(told, tuple)
    assert problem in told[0]


def test_an_approval_must_bring_the_fields_and_a_rejection_need_not() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    asked = question(fields=schema)
    assert decide(asked, Reply(approve=True), "ada", 1.0) == ("`data` is missing: it has n",)
    assert decide(asked, Reply(approve=True, data={"n": "x"}), "ada", 1.0) == ("data.n: Expected integer, got string",)
    assert isinstance(decide(asked, Reply(approve=True, data={"n": 1}), "ada", 1.0), Decision)
    assert isinstance(decide(asked, Reply(approve=False), "ada", 1.0), Decision)


def test_the_end_of_its_time_means_what_the_question_says() -> None:
    late = [expired(question(on_expiry=meaning), 300.0) for meaning in ("reject", "approve", "fail")]
    assert [None if each is None else (each.choice, each.approved, each.by) for each in late] == [
        ("reject", False, None),
        ("approve", True, None),
        None,
    ]


def test_the_result_says_who_and_how_long_and_never_a_negative_time() -> None:
    made = approval_result(question(), Decision("approve", True, "ada", "ok", None, 160.5))
    assert (made["approved"], made["by"], made["waited_s"], made["asked_at"]) == (
        True,
        "ada",
        60.5,
        "1970-01-01T00:01:40+00:00",
    )
    assert approval_result(question(), Decision("approve", True, "ada", "", None, 50.0))["waited_s"] == 0.0
