"""The approval desk: where steps that wait for a person are found, answered once, and let go.

What was asked and what was answered stand in the runs' journal and nowhere else. The desk holds only who waits at the
moment, so its crash loses nothing: the steps' calls fail at once, they look into the journal and ask again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from actors.approvals.messages import (
    AnswerApproval,
    AnsweredError,
    ApprovalError,
    ApprovalSettled,
    ApprovalsPending,
    ApprovalState,
    AskPerson,
    GetApproval,
    ListApprovals,
    NoSuchApprovalError,
    NotWaitingError,
    TooManyApprovalsError,
    UnfitAnswerError,
)
from actors.approvals.pending import PendingQuestions, Verdict, Waiting
from actors.journal import JournalError, LoadRun, RecordStep, RunRecord, StepRecord
from actors.kernel import Actor, ActorDeadError, CallTimeout, MailboxFull, Reply, Timer
from pipelines.execution import (
    ANSWERED,
    ASKED,
    Decision,
    decide,
    decision_of,
    kept,
    place_of,
    question_of,
    waited_s,
)

MOST_PENDING = 20_000
LOOK_EVERY_S = 30.0
RECORD_TIMEOUT_S = 40.0


class _Look:
    """Some questions may have expired."""


class ApprovalDesk(Actor):
    """Answers `AskPerson`, `AnswerApproval`, `GetApproval`, `ListApprovals`.

    An answer counts once it is in the journal; of two for one question the first stands, whoever asks and however
    often the node was restarted in between. At most `most_pending` questions wait.
    """

    expected_errors = (ApprovalError, JournalError, ActorDeadError, CallTimeout, MailboxFull)
    mailbox_limit = 100_000

    def __init__(self, *, most_pending: int = MOST_PENDING) -> None:
        super().__init__()
        self._most_pending = most_pending
        self._pending = PendingQuestions()
        self._timer: Timer | None = None

    def on_start(self) -> None:
        self._tell_count()

    def on_receive(self, message: Any) -> Any:
        """Plain on purpose: what waits is deferred."""
        match message:
            case AskPerson(question):
                decided = self._pending.decided(question.id)
                return decided if decided is not None else self.defer(self._hold(message))
            case AnswerApproval():
                # Not deferred: a caller that gives up must not cut off what is being recorded.
                self.spawn_task(self._bring(self.later(), message))
            case GetApproval(question_id):
                waiting = self._pending.get(question_id)
                if waiting is not None:
                    return ApprovalState("pending", waiting.question)
                return self.defer(self._state_in_journal(question_id))
            case ListApprovals(run_id, limit):
                chosen = (each for each in self._pending if run_id is None or each.run_id == run_id)
                return tuple(sorted(chosen, key=lambda each: (each.asked_at, each.id))[:limit])
            case _Look():
                self._timer = None
                self._expire()
            case _:
                raise TypeError(f"the approval desk does not take {type(message).__name__}")
        return None

    # ---- waiting -------------------------------------------------------------------------------------------

    async def _hold(self, asked: AskPerson) -> Decision | None:
        if self._pending.get(asked.question.id) is None and len(self._pending) >= self._most_pending:
            raise TooManyApprovalsError(self._most_pending)
        verdict: Verdict = asyncio.get_running_loop().create_future()
        waiting = self._pending.enter(asked.question, verdict)
        self._tell_count()
        self._expire()
        try:
            return await verdict
        finally:
            if self._pending.leave(waiting, verdict):
                self._tell_count()

    def _expire(self) -> None:
        """Lets go those whose time is over, and sees to it that the next one is looked at in time. Also now and then
        in between: the expiry is a time of day, and clocks are set."""
        now = self.kernel.clock.wall()
        over = self._pending.due(now)
        for waiting in over:
            waiting.tell(None)
            self.kernel.events.publish(ApprovalSettled("expired", max(0.0, now - waiting.question.asked_at)))
        if over:
            self._tell_count()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._pending.next_due
        if due is not None:
            self._timer = self.tell_after(min(max(due - now, 0.0), LOOK_EVERY_S), _Look())

    def _tell_count(self) -> None:
        self.kernel.events.publish(ApprovalsPending(len(self._pending)))

    # ---- answering -----------------------------------------------------------------------------------------

    async def _bring(self, reply: Reply, message: AnswerApproval) -> None:
        try:
            reply.set(await self._answer(message))
        except self.expected_errors as error:
            reply.fail(error)

    async def _answer(self, message: AnswerApproval) -> ApprovalState:
        waiting = self._pending.get(message.question_id)
        if waiting is None:
            raise await self._refusal(message.question_id)
        question = waiting.question
        if waiting.recording is not None:
            raise AnsweredError(question.id, waiting.recording)
        now = self.kernel.clock.wall()
        if question.expires_at is not None and question.expires_at <= now:
            self._expire()
            raise NotWaitingError(question.id, "its time is over")
        decision = decide(question, message.reply, message.by, now)
        if isinstance(decision, tuple):
            raise UnfitAnswerError(question.id, decision)
        stands = await self._record(waiting, decision)
        if stands != decision:
            raise AnsweredError(question.id, stands)
        outcome = "approved" if decision.approved else "rejected"
        self.kernel.events.publish(ApprovalSettled(outcome, waited_s(question, decision)))
        return ApprovalState("answered", question, decision)

    async def _record(self, waiting: Waiting, decision: Decision) -> Decision:
        """The decision that stands in the journal. The step goes on with it before the person is told.

        When nobody can say whether it was recorded, the step is sent to look for itself.
        """
        question = waiting.question
        waiting.recording = decision
        stands: Decision | None = None
        try:
            entry = RecordStep(question.run_id, f"{question.step}/{ANSWERED}", 1, "kept", kept(decision))
            record: StepRecord = await self.kernel.ref("journal").call(entry, timeout_s=RECORD_TIMEOUT_S)
            stands = decision_of(record.result)
        finally:
            waiting.recording = None
            waiting.tell(stands)
            self._pending.remove(waiting, stands)
            self._tell_count()
        if stands is None:
            raise NotWaitingError(question.id, "its answer in the journal cannot be read")
        return stands

    # ---- looking back --------------------------------------------------------------------------------------

    async def _refusal(self, question_id: str) -> ApprovalError:
        decided = self._pending.decided(question_id)
        if decided is not None:
            return AnsweredError(question_id, decided)
        state = await self._state_in_journal(question_id)
        if state.decision is not None:
            return AnsweredError(question_id, state.decision)
        return NotWaitingError(question_id, state.reason)

    async def _state_in_journal(self, question_id: str) -> ApprovalState:
        run_id, key = place_of(question_id)
        record: RunRecord | None = None
        if key:
            asked = LoadRun(run_id, under=f"{key}/")
            record = await self.kernel.ref("journal").call(asked, timeout_s=RECORD_TIMEOUT_S)
        parts = {} if record is None else {path: step.result for path, step in record.steps.items()}
        question = question_of(parts.get(f"{key}/{ASKED}"))
        if record is None or question is None:
            raise NoSuchApprovalError(question_id)
        decision = decision_of(parts.get(f"{key}/{ANSWERED}"))
        if decision is not None:
            return ApprovalState("expired" if decision.expired else "answered", question, decision)
        if record.finished:
            return ApprovalState("not_waiting", question, reason=f"its run has {record.status}")
        reason = "its run is paused by a kill switch, or its step is being started again; look again in a moment"
        return ApprovalState("not_waiting", question, reason=reason)
