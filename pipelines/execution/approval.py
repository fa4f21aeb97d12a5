"""What a person is asked, what counts as an answer, and what a step makes of it. Values and decisions only.

A question and its answer are kept in the run's journal as JSON beside the step they belong to, under `ASKED` and
`ANSWERED`; a question's id says where, so that it is found again by any later node. How many must say yes, and who may,
is in `assent`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from pydantic import JsonValue

from pipelines.extraction import find_misfits
from pipelines.language import REJECT

ASKED: Final = "@asked"
ANSWERED: Final = "@answer"
REFUSALS: Final = frozenset({REJECT, "no", "deny", "decline", "refuse"})
"""The choices that do not approve, in small letters."""

_INDEX: Final = re.compile(r"\[(\d+)\]")
_INDEX_IN_ID: Final = re.compile(r"\.(\d+)(?=/|$)")


@dataclass(frozen=True, slots=True)
class Question:
    """What a step asks of a person. Times are Unix seconds; `fields` is JSON Schema or None.

    `approvals_needed` persons must say yes, none of the `submitters` with `not_by_submitter`. `pattern` is what trust
    is learned by, empty for a question that is none of a pattern; with `always_ask` trust never answers it.
    """

    id: str
    run_id: str
    pipeline: str
    step: str
    message: str
    preview: JsonValue
    choices: tuple[str, ...]
    fields: Mapping[str, Any] | None
    asked_at: float
    expires_at: float | None = None
    on_expiry: str = REJECT
    approvals_needed: int = 1
    not_by_submitter: bool = False
    submitters: tuple[str, ...] = ()
    always_ask: bool = False
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody said to a question, as it came. `choice` None: `approve` says which."""

    choice: str | None = None
    approve: bool | None = None
    comment: str = ""
    data: JsonValue = None


@dataclass(frozen=True, slots=True)
class Assent:
    """One person's yes. `person` is who that is, `by` the same as they are told of in records."""

    person: str
    by: str
    choice: str
    comment: str
    data: JsonValue
    at: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The one answer of a question. `by` is None when it expired; `others` said yes before `by` did. `automatic`: by
    trust, in a person's place."""

    choice: str
    approved: bool
    by: str | None
    comment: str
    data: JsonValue
    at: float
    expired: bool = False
    others: tuple[Assent, ...] = ()
    automatic: bool = False


def id_of(run_id: str, key: str) -> str:
    """The same step of the same run asks under the same id for ever; without brackets, which shells would read."""
    return "/".join((run_id, _INDEX.sub(r".\1", key)))


def place_of(question_id: str) -> tuple[str, str]:
    """The run and the step's path that an id means; the path is empty when it is none."""
    run_id, _, rest = question_id.partition("/")
    return run_id, _INDEX_IN_ID.sub(r"[\1]", rest)


def kept(value: Question | Assent | Decision) -> dict[str, JsonValue]:
    """As JSON, for the journal."""
    return cast("dict[str, JsonValue]", asdict(value))


def question_of(record: JsonValue) -> Question | None:
    """A question that was kept; None when it cannot be read."""
    try:
        facts: dict[str, Any] = dict(cast("dict[str, Any]", record))
        facts["choices"] = tuple(facts["choices"])
        facts["submitters"] = tuple(facts.get("submitters", ()))
        return Question(**facts)
    except (TypeError, KeyError, ValueError):
        return None


def decision_of(record: JsonValue) -> Decision | None:
    """A decision that was kept; None when it cannot be read."""
    try:
        facts: dict[str, Any] = dict(cast("dict[str, Any]", record))
        facts["others"] = tuple(Assent(**each) for each in facts.get("others", ()))
        return Decision(**facts)
    except (TypeError, ValueError):
        return None


def decide(question: Question, reply: Reply, by: str, at: float) -> Decision | tuple[str, ...]:
    """The decision that `reply` makes, or what is wrong with it. A person may always reject."""
    choice = _choice(question, reply)
    if isinstance(choice, tuple):
        return choice
    approved = not is_refusal(choice)
    if approved and question.fields is not None:
        if reply.data is None:
            return (f"`data` is missing: {_field_names(question.fields)}",)
        misfits = find_misfits(question.fields, reply.data)
        if misfits:
            return tuple(f"data{'.' if each.path else ''}{each.path}: {each.message}" for each in misfits)
    return Decision(choice, approved, by, reply.comment, reply.data, at)


def _choice(question: Question, reply: Reply) -> str | tuple[str, ...]:
    said, approve = reply.choice, reply.approve
    if said is None and approve is None:
        return (f"say `choice` (one of: {', '.join(question.choices)}) or `approve` (true or false)",)
    if said is None:
        fitting = [choice for choice in question.choices if is_refusal(choice) is not approve]
        if approve and len(fitting) > 1:
            return (f"there are several ways to approve; say `choice`, one of: {', '.join(fitting)}",)
        return fitting[0] if fitting else REJECT
    if said not in question.choices and said != REJECT:
        return (f"there is no choice {said[:60]!r}; there are: {', '.join(question.choices)}",)
    if approve is not None and approve is is_refusal(said):
        return (f"`approve: {str(approve).lower()}` and `choice: {said}` contradict each other",)
    return said


def is_refusal(choice: str) -> bool:
    """Whether this choice does not approve."""
    return choice.lower() in REFUSALS


def expired(question: Question, at: float, *, several: bool = False) -> Decision | None:
    """What the end of its time makes of a question; None: the step fails. It approves nothing that `several` persons
    must say yes to."""
    if question.on_expiry == "fail":
        return None
    approves = question.on_expiry == "approve" and not several
    fitting = (choice for choice in question.choices if is_refusal(choice) is not approves)
    return Decision(next(fitting, REJECT), approves, None, "nobody answered in time", None, at, expired=True)


def approval_result(question: Question, decision: Decision) -> dict[str, JsonValue]:
    """The step's result. Times as ISO 8601 in UTC."""
    return {
        "approved": decision.approved,
        "choice": decision.choice,
        "by": decision.by,
        "also_by": [each.by for each in decision.others],
        "comment": decision.comment,
        "data": decision.data,
        "expired": decision.expired,
        "automatic": decision.automatic,
        "asked_at": iso(question.asked_at),
        "answered_at": iso(decision.at),
        "waited_s": waited_s(question, decision),
    }


def waited_s(question: Question, decision: Decision) -> float:
    """From question to decision; a clock that was set back does not make it negative."""
    return round(max(0.0, decision.at - question.asked_at), 3)


def iso(at: float) -> str:
    """A Unix time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def _field_names(schema: Mapping[str, Any]) -> str:
    named: Any = schema.get("properties")
    return (
        f"it has {', '.join(cast('dict[str, Any]', named))}" if isinstance(named, dict) else "`fields` says what it has"
    )
