"""How many persons must say yes, and who may: the two-person rule and four eyes, as decisions over values.

Each yes but the last is an `Assent`, kept in the run's journal beside its question as `assent_part(1)`, `(2)` and so
on. The journal keeps the first of two records at one place, so two desks can never take one place for two persons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

from pydantic import JsonValue

from pipelines.execution.approval import ANSWERED, Assent, Decision, Question, Reply, decide, is_refusal, iso

_ASSENT: Final = "@yes."


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """What a node demands beyond what steps say: so many `persons` at least, none of a run's submitters. `automatic`
    false: trust answers nothing."""

    persons: int = 1
    not_by_submitter: bool = False
    automatic: bool = True


@dataclass(frozen=True, slots=True)
class Objection:
    """Why somebody's yes does not count, though it would be a good answer of somebody else."""

    code: Literal["said_before", "not_by_submitter"]
    text: str


def person_of(account: str) -> str:
    """Who somebody is, whichever way they come: a token named `ann` is held by the user `ann`."""
    return account.removeprefix("tcp:")


def assent_part(number: int) -> str:
    """Where the yes of that number, counted from 1, is kept."""
    return f"{_ASSENT}{number}"


def assents_of(parts: Mapping[str, JsonValue]) -> tuple[Assent, ...]:
    """Those that were kept, in their order. One that cannot be read, and what follows it, counts as not said."""
    found: list[Assent] = []
    while (record := parts.get(assent_part(len(found) + 1))) is not None:
        assent = assent_of(record)
        if assent is None:
            break
        found.append(assent)
    return tuple(found)


def answered_steps(paths: Iterable[str]) -> tuple[str, ...]:
    """The steps that persons have answered, or said a first yes to, by what a run has on record at these paths."""
    found: dict[str, None] = {}
    for path in paths:
        step, mark, part = path.rpartition("/@")
        if mark and step and not step.startswith("/") and f"@{part}".startswith((ANSWERED, _ASSENT)):
            found[step] = None
    return tuple(found)


def assent_of(record: JsonValue) -> Assent | None:
    """One that was kept; None when it cannot be read."""
    try:
        return Assent(**cast("dict[str, Any]", record))
    except TypeError:
        return None


def needed(question: Question, rules: ApprovalRules) -> int:
    """How many persons must say yes: what the step says, or the node if that is more."""
    return max(1, question.approvals_needed, rules.persons)


def weigh(
    question: Question, given: Sequence[Assent], reply: Reply, *, person: str, by: str, at: float, rules: ApprovalRules
) -> Decision | Assent | Objection | tuple[str, ...]:
    """What `reply` comes to after the assents `given`: the decision, one more assent, an objection, or what is wrong
    with it. `by` is how the `person` is named in records.

    One no decides, whoever says it. All must say yes to the same: those that follow may leave out choice and data,
    and otherwise give the same; whoever wants them different says no.
    """
    made = decide(question, _completed(reply, given), by, at)
    if isinstance(made, tuple):
        return made
    if not made.approved:
        return replace(made, others=tuple(given))
    if person in question.submitters and (question.not_by_submitter or rules.not_by_submitter):
        return Objection("not_by_submitter", f"{person} submitted this run: somebody else must approve it")
    for assent in given:
        if assent.person == person:
            left = needed(question, rules) - len(given)
            told = f"{person} has said yes to it already, at {iso(assent.at)}; it waits for {_others(left)}"
            return Objection("said_before", told)
    if given and (made.choice, made.data) != (given[0].choice, given[0].data):
        what = f"`choice` {given[0].choice!r}" if made.choice != given[0].choice else "other `data`"
        return (f"{given[0].by} has said yes with {what}, and all must say yes to the same; or reject it",)
    if len(given) + 1 < needed(question, rules):
        return Assent(person, by, made.choice, made.comment, made.data, at)
    return replace(made, others=tuple(given))


def automatic_choice(question: Question, rules: ApprovalRules) -> str | None:
    """What trust would say in a person's place; None where only persons may answer: when the step or the node says so,
    more than one must say yes, somebody else than the submitter must, there is data to give, or a choice to make."""
    if question.always_ask or not question.pattern or not rules.automatic or question.fields is not None:
        return None
    if needed(question, rules) > 1 or question.not_by_submitter or rules.not_by_submitter:
        return None
    fitting = [choice for choice in question.choices if not is_refusal(choice)]
    return fitting[0] if len(fitting) == 1 else None


def _completed(reply: Reply, given: Sequence[Assent]) -> Reply:
    if not given:
        return reply
    first = given[0]
    choice = first.choice if reply.choice is None and reply.approve else reply.choice
    return replace(reply, choice=choice, data=first.data if reply.data is None else reply.data)


def _others(count: int) -> str:
    return "another person" if count <= 1 else f"{count} other persons"
