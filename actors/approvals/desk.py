"""The approval desk: where steps that wait for a person are found, answered once, and let go.

What was asked and what was answered stand in the runs' journal and nowhere else, the first yes of two persons, too. The
desk holds only who waits at the moment, so its crash loses nothing: the steps' calls fail at once, they look into the
journal and ask again.
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
    Audit,
    GetApproval,
    ListApprovals,
    NoSuchApprovalError,
    NotCountedError,
    NotWaitingError,
    TooManyApprovalsError,
    UnfitAnswerError,
    unaudited,
)
from actors.approvals.pending import PendingQuestions, Verdict, Waiting
from actors.approvals.trusting import Trusting
from actors.journal import JournalError, LoadRun, RecordStep, RunRecord, StepRecord
from actors.kernel import Actor, ActorDeadError, CallTimeout, MailboxFull, Reply, Timer
from pipelines.execution import (
    ANSWERED,
    ASKED,
    ApprovalRules,
    Assent,
    Decision,
    Objection,
    assent_of,
    assent_part,
    assents_of,
    decision_of,
    kept,
    needed,
    place_of,
    question_of,
    waited_s,
    weigh,
)
from pipelines.extraction import checks_prepared, prepare_checks

MOST_PENDING = 20_000
LOOK_EVERY_S = 30.0
RECORD_TIMEOUT_S = 40.0


class _Look:
    """Some questions may have expired."""


class ApprovalDesk(Actor):
    """Answers `AskPerson`, `AnswerApproval`, `GetApproval`, `ListApprovals`.

    An answer counts once it is in the journal; of two for one question the first stands, whoever asks and however
    often the node was restarted in between. At most `most_pending` questions wait. `rules` are what the node demands
    beyond what steps say. With `ledger` a TrustLedger ("trust") learns from persons' answers, and may answer in their
    place what `audit` has noted.
    """

    expected_errors = (ApprovalError, JournalError, ActorDeadError, CallTimeout, MailboxFull)
    mailbox_limit = 100_000

    def __init__(
        self,
        rules: ApprovalRules = ApprovalRules(),  # noqa: B008 - frozen
        *,
        most_pending: int = MOST_PENDING,
        ledger: bool = False,
        audit: Audit = unaudited,
    ) -> None:
        super().__init__()
        self._most_pending = most_pending
        self._rules = rules
        self._trusting = Trusting(self, rules, ledger=ledger, audit=audit)
        self._pending = PendingQuestions()
        self._timer: Timer | None = None

    def on_start(self) -> None:
        self._tell_count()

    def on_receive(self, message: Any) -> Any:
        """Plain on purpose: what waits is deferred."""
        match message:
            case AskPerson(question, _):
                decided = self._pending.decided(question.id)
                return decided if decided is not None else self.defer(self._hold(message))
            case AnswerApproval():
                # Not deferred: a caller that gives up must not cut off what is being recorded.
                self.spawn_task(self._bring(self.later(), message))
            case GetApproval(question_id):
                waiting = self._pending.get(question_id)
                if waiting is not None:
                    return self._pending_state(waiting)
                return self.defer(self._state_in_journal(question_id))
            case ListApprovals(run_id, limit):
                chosen = (each for each in self._pending if run_id is None or each.question.run_id == run_id)
                oldest = sorted(chosen, key=lambda each: (each.question.asked_at, each.question.id))[:limit]
                return tuple(self._pending_state(each) for each in oldest)
            case _Look():
                self._timer = None
                self._expire()
            case _:
                raise TypeError(f"the approval desk does not take {type(message).__name__}")
        return None

    # ---- waiting -------------------------------------------------------------------------------------------

    async def _hold(self, asked: AskPerson) -> Decision | None:
        new = self._pending.get(asked.question.id) is None
        if new and len(self._pending) >= self._most_pending:
            raise TooManyApprovalsError(self._most_pending)
        verdict: Verdict = asyncio.get_running_loop().create_future()
        waiting = self._pending.enter(asked.question, verdict, asked.assents)
        self._tell_count()
        if new and self._trusting.may_answer(asked.question):
            self.spawn_task(self._trust(waiting))
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
            waiting.tell(None)  # its step records what that counts as, and says so
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
        if waiting.recording is not None:
            raise AnsweredError(message.question_id, waiting.recording)
        if waiting.question.fields is not None and not checks_prepared():
            await asyncio.to_thread(prepare_checks)
        async with waiting.turn:
            return await self._answer_in_turn(waiting, message)

    async def _answer_in_turn(self, waiting: Waiting, message: AnswerApproval) -> ApprovalState:
        question = waiting.question
        while True:
            if self._pending.get(question.id) is not waiting:
                raise await self._refusal(question.id)
            now = self.kernel.clock.wall()
            if question.expires_at is not None and question.expires_at <= now:
                self._expire()
                raise NotWaitingError(question.id, "its time is over")
            person, given = message.person or message.by, waiting.assents
            made = weigh(question, given, message.reply, person=person, by=message.by, at=now, rules=self._rules)
            if isinstance(made, tuple):
                raise UnfitAnswerError(question.id, made)
            if isinstance(made, Objection):
                raise NotCountedError(question.id, made)
            if isinstance(made, Decision):
                return await self._decide(waiting, made)
            if await self._add(waiting, made):
                return self._pending_state(waiting)

    async def _add(self, waiting: Waiting, assent: Assent) -> bool:
        """Records one person's yes; False: the place is taken by another one, which counts now."""
        question, part = waiting.question, assent_part(len(waiting.assents) + 1)
        entry = RecordStep(question.run_id, f"{question.step}/{part}", 1, "kept", kept(assent))
        record: StepRecord = await self.kernel.ref("journal").call(entry, timeout_s=RECORD_TIMEOUT_S)
        stands = assent_of(record.result)
        if stands is None:
            raise NotWaitingError(question.id, "a yes to it in the journal cannot be read")
        waiting.assents = (*waiting.assents, stands)
        return stands == assent

    async def _decide(self, waiting: Waiting, decision: Decision) -> ApprovalState:
        """Has a decision recorded and told. Raises `AnsweredError` when another one stands."""
        question = waiting.question
        waiting.recording = decision
        if not decision.approved:
            # First, so that no crash leaves a trust that a person has just withdrawn.
            await self._trusting.learn(question, decision)
        stands = await self._record(waiting, decision)
        if stands != decision:
            raise AnsweredError(question.id, stands)
        if decision.approved and not decision.automatic:
            await self._trusting.learn(question, decision)
        outcome = "auto_approved" if decision.automatic else "approved" if decision.approved else "rejected"
        settled = ApprovalSettled(
            outcome, waited_s(question, decision), question.id, question.pipeline, decision.choice
        )
        self.kernel.events.publish(settled)
        return ApprovalState("answered", question, decision, "", needed(question, self._rules), waiting.assents)

    async def _trust(self, waiting: Waiting) -> None:
        """Answers in a person's place, if trust may. A person who is faster is heard."""
        try:
            decision = await self._trusting.answer(waiting.question)
            if decision is None:
                return
            async with waiting.turn:
                if self._pending.get(waiting.question.id) is waiting and waiting.recording is None:
                    await self._decide(waiting, decision)
        except self.expected_errors:
            return  # it waits for a person, like any other

    async def _record(self, waiting: Waiting, decision: Decision) -> Decision:
        """The decision that stands in the journal. The step goes on with it before the person is told.

        When nobody can say whether it was recorded, the step is sent to look for itself.
        """
        question = waiting.question
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

    def _pending_state(self, waiting: Waiting) -> ApprovalState:
        question = waiting.question
        return ApprovalState("pending", question, None, "", needed(question, self._rules), waiting.assents)

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
        below = f"{key}/"
        assents = assents_of({path.removeprefix(below): each for path, each in parts.items()})
        decision = decision_of(parts.get(f"{key}/{ANSWERED}"))
        status, reason = "not_waiting", ""
        if decision is not None:
            status = "expired" if decision.expired else "answered"
        elif record.finished:
            reason = f"its run has {record.status}"
        else:
            reason = "its run is paused by a kill switch, or its step is being started again; look again in a moment"
        return ApprovalState(status, question, decision, reason, needed(question, self._rules), assents)
