"""What the approval desk ("approvals") takes, replies, tells and fails with.

ApprovalError              a stable `code`
├── NoSuchApprovalError    no step ever asked under that id (also a LookupError)
├── AnsweredError          somebody answered before; carries the decision
├── NotWaitingError        the step does not wait at the moment, and nobody answered
├── UnfitAnswerError       the answer is not what was asked for; carries the problems
├── NotCountedError        a yes of somebody whose yes does not count (`code` says why)
├── UnauditedError         trust may not answer what the audit log cannot note
└── TooManyApprovalsError  the desk has no room for another question
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from pipelines.execution import Assent, Decision, Objection, Question, Reply, iso
from pipelines.guardrails.trust import TrustGiven


class ApprovalError(Exception):
    """Base."""

    code = "approval"


class NoSuchApprovalError(ApprovalError, LookupError):
    """No step asked under that id."""

    code = "no_such_approval"

    def __init__(self, question_id: str) -> None:
        super().__init__(question_id)
        self.question_id = question_id

    def __str__(self) -> str:
        return f"no approval {self.question_id[:200]!r} is known. Fix: `evopipe approvals` lists those that wait"


class AnsweredError(ApprovalError):
    """The first answer stands; nothing was changed."""

    code = "already_answered"

    def __init__(self, question_id: str, decision: Decision) -> None:
        super().__init__(question_id, decision)
        self.question_id = question_id
        self.decision = decision

    def __str__(self) -> str:
        told = self.decision
        if told.by is None:
            return f"{self.question_id} expired at {iso(told.at)} and counts as {told.choice!r}"
        return f"{self.question_id} was answered with {told.choice!r} by {told.by} at {iso(told.at)}"


class NotWaitingError(ApprovalError):
    """`why` says what has become of the step."""

    code = "not_waiting"

    def __init__(self, question_id: str, why: str) -> None:
        super().__init__(question_id, why)
        self.question_id = question_id
        self.why = why

    def __str__(self) -> str:
        return f"{self.question_id} does not wait for an answer now: {self.why}"


class UnfitAnswerError(ApprovalError):
    """Nothing was changed; the question still waits."""

    code = "unfit_answer"

    def __init__(self, question_id: str, problems: tuple[str, ...]) -> None:
        super().__init__(question_id, problems)
        self.question_id = question_id
        self.problems = problems

    def __str__(self) -> str:
        return f"this does not answer {self.question_id}: {'; '.join(self.problems)}"


class NotCountedError(ApprovalError):
    """Nothing was changed; it waits for somebody else. `code` is "said_before" or "not_by_submitter"."""

    def __init__(self, question_id: str, objection: Objection) -> None:
        super().__init__(question_id, objection)
        self.question_id = question_id
        self.objection = objection
        self.code = objection.code

    def __str__(self) -> str:
        return f"this yes to {self.question_id} does not count: {self.objection.text}"


class UnauditedError(ApprovalError):
    """Trust's answer could not be noted in the audit log, so a person is asked."""

    code = "approval_unaudited"


class TooManyApprovalsError(ApprovalError):
    """`limit` questions wait already."""

    code = "too_many_approvals"

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit} questions wait for an answer already, which is the limit"


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Puts a question before people -> its `Decision`, or None: its time is over, or read the journal and ask again.

    The question waits for as long as the call does: a caller that ends or gives up withdraws it. `assents` are those
    on record. Fails with `TooManyApprovalsError`.
    """

    question: Question
    assents: tuple[Assent, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerApproval:
    """Answers a question -> the `ApprovalState` with the decision, which is in the journal by then; still "pending"
    with one more of its `assents` there, when further persons must say yes.

    `by` is the name for the records, `person` who that is (see `person_of`); empty: the same as `by`. Fails with
    `ApprovalError`, or with `JournalError` when it could not be recorded and the question still waits.
    """

    question_id: str
    reply: Reply
    by: str
    person: str = ""


@dataclass(frozen=True, slots=True)
class GetApproval:
    """Asks for one question, also an answered one -> `ApprovalState`; fails with `NoSuchApprovalError`."""

    question_id: str


@dataclass(frozen=True, slots=True)
class ListApprovals:
    """Asks for the questions that wait, the oldest first -> tuple[ApprovalState, ...]."""

    run_id: str | None = None
    limit: int = 1_000


ApprovalStatus = Literal["pending", "answered", "expired", "not_waiting"]


@dataclass(frozen=True, slots=True)
class ApprovalState:
    """One question and what became of it. `reason` says why one does not wait that nobody answered. `needed` persons
    must say yes; `assents` are those who have, before the one who decides."""

    status: ApprovalStatus
    question: Question
    decision: Decision | None = None
    reason: str = ""
    needed: int = 1
    assents: tuple[Assent, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalsPending:
    """Event: so many questions wait now."""

    count: int


@dataclass(frozen=True, slots=True)
class ApprovalSettled:
    """Event: a question has its decision, or its time is over."""

    outcome: Literal["approved", "rejected", "expired", "auto_approved"]
    waited_s: float
    question_id: str = ""
    pipeline: str = ""
    counts_as: str = ""


Audit = Callable[[Question, TrustGiven], Awaitable[None]]
"""Notes that trust is about to answer; what it raises refuses that (`UnauditedError`)."""


async def unaudited(_question: Question, _given: TrustGiven) -> None:
    """Notes nothing: the decision in the journal is all there is."""
