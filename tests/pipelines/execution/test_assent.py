"""How many must say yes, and who may."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from pipelines.execution import (
    ApprovalRules,
    Assent,
    Decision,
    Objection,
    Question,
    Reply,
    answered_steps,
    assent_part,
    assents_of,
    automatic_choice,
    decision_of,
    expired,
    kept,
    needed,
    person_of,
    weigh,
)

NO_RULES = ApprovalRules()
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def question(**more: Any) -> Question:
    facts: dict[str, Any] = {
        "choices": ("approve", "reject"),
        "fields": None,
        "approvals_needed": 2,
        "pattern": "p/a@1",
    }
    facts |= more
    return Question("r/ask", "r", "p", "ask", "Go?", None, asked_at=100.0, **facts)


def said(asked: Question, given: tuple[Assent, ...], reply: Reply, person: str, rules: ApprovalRules = NO_RULES) -> Any:
    return weigh(asked, given, reply, person=person, by=person, at=150.0, rules=rules)


def yes(person: str = "ann", choice: str = "approve", data: Any = None) -> Assent:
    return Assent(person, person, choice, "", data, 120.0)


def test_the_second_of_two_different_persons_decides() -> None:
    first = said(question(), (), Reply(approve=True, comment="fine"), "ann")
    assert first == Assent("ann", "ann", "approve", "fine", None, 150.0)
    second = said(question(), (first,), Reply(approve=True), "bob")
    assert isinstance(second, Decision)
    assert (second.approved, second.by, [each.by for each in second.others]) == (True, "bob", ["ann"])


def test_the_same_person_twice_counts_once_and_is_told_when_they_said_it() -> None:
    twice = said(question(approvals_needed=3), (yes("ann"),), Reply(approve=True), "ann")
    assert isinstance(twice, Objection)
    assert (twice.code, twice.text) == (
        "said_before",
        "ann has said yes to it already, at 1970-01-01T00:02:00+00:00; it waits for 2 other persons",
    )


@pytest.mark.parametrize("person", ["ann", "bob"])
def test_one_no_rejects_whoever_says_it_and_whenever(person: str) -> None:
    told = said(question(), (yes("ann"),), Reply(approve=False), person)
    assert isinstance(told, Decision)
    assert (told.approved, told.by) == (False, person)


def test_those_that_follow_say_yes_to_the_same_and_need_not_repeat_it() -> None:
    asked = question(choices=("now", "later"), fields=SCHEMA)
    given = (yes("ann", "later", {"n": 3}),)
    for reply in (Reply(approve=True), Reply("later"), Reply("later", data={"n": 3})):
        made = said(asked, given, reply, "bob")
        assert isinstance(made, Decision), made
        assert (made.choice, made.data) == ("later", {"n": 3})
    assert said(asked, given, Reply("now"), "bob") == (
        "ann has said yes with `choice` 'later', and all must say yes to the same; or reject it",
    )
    (told,) = said(asked, given, Reply("later", data={"n": 4}), "bob")
    assert "with other `data`" in told


def test_whoever_submitted_the_run_may_not_approve_it_but_may_reject_it() -> None:
    for asked, rules in (
        (question(approvals_needed=1, not_by_submitter=True, submitters=("ann",)), NO_RULES),
        (question(approvals_needed=1, submitters=("ann",)), ApprovalRules(not_by_submitter=True)),
    ):
        refused = said(asked, (), Reply(approve=True), "ann", rules)
        assert isinstance(refused, Objection)
        assert refused.code == "not_by_submitter"
        assert isinstance(said(asked, (), Reply(approve=True), "bob", rules), Decision)
        assert isinstance(said(asked, (), Reply(approve=False), "ann", rules), Decision)
    assert person_of("tcp:ann") == person_of("ann") == "ann"


def test_the_node_may_demand_more_than_a_step_and_never_less() -> None:
    assert [needed(question(approvals_needed=n), ApprovalRules(2)) for n in (1, 2, 3)] == [2, 2, 3]


def test_any_order_of_answers_approves_only_with_so_many_different_persons() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(500):
        number, given = chance.randint(1, 4), ()
        asked = question(approvals_needed=number)
        voices: set[str] = set()
        for _ in range(30):
            person = chance.choice("abcdef")
            made = said(asked, given, Reply(approve=True), person)
            if isinstance(made, Objection):
                assert person in voices
                continue
            assert person not in voices
            voices.add(person)
            if isinstance(made, Decision):
                break
            given = (*given, made)
        assert len(voices) == number


def test_assents_and_decisions_come_back_from_json_as_they_were() -> None:
    parts = {assent_part(n): json.loads(json.dumps(kept(yes(who, data=[1])))) for n, who in ((1, "ann"), (2, "bob"))}
    assert [each.person for each in assents_of(parts)] == ["ann", "bob"]
    assert assents_of({assent_part(1): {"person": "ann"}, assent_part(2): parts[assent_part(2)]}) == ()
    made = said(question(), (yes(),), Reply(approve=True), "bob")
    assert decision_of(json.loads(json.dumps(kept(made)))) == made


def test_the_end_of_its_time_never_stands_for_several_persons() -> None:
    told = expired(question(on_expiry="approve"), 300.0, several=True)
    assert told is not None
    assert (told.choice, told.approved) == ("reject", False)


@pytest.mark.parametrize(
    ("more", "rules", "choice"),
    [
        ({}, NO_RULES, "approve"),
        ({"choices": ("go", "no")}, NO_RULES, "go"),
        ({"choices": ("now", "later", "reject")}, NO_RULES, None),
        ({"fields": SCHEMA}, NO_RULES, None),
        ({"always_ask": True}, NO_RULES, None),
        ({"approvals_needed": 2}, NO_RULES, None),
        ({"not_by_submitter": True}, NO_RULES, None),
        ({"pattern": ""}, NO_RULES, None),
        ({}, ApprovalRules(persons=2), None),
        ({}, ApprovalRules(not_by_submitter=True), None),
        ({}, ApprovalRules(automatic=False), None),
    ],
)
def test_trust_may_answer_only_what_leaves_no_choice_and_needs_no_particular_person(
    more: dict[str, Any], rules: ApprovalRules, choice: str | None
) -> None:
    assert automatic_choice(question(**{"approvals_needed": 1, **more}), rules) == choice


def test_which_steps_persons_have_answered_is_read_from_what_is_on_record() -> None:
    paths = ("a", "a/@asked", "b/@asked", "b/@answer", "each[0]/c/@yes.1", "d/@wait", "/@former[1]/e/@answer")
    assert answered_steps(paths) == ("b", "each[0]/c")
