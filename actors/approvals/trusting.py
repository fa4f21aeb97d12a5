"""The desk's dealings with trust: what the TrustLedger would answer in a person's place, and what persons taught it.

Any doubt is a question to a person: a ledger that is away or cannot write, an audit log that cannot note.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain, repeat

from actors.approvals.messages import Audit, unaudited
from actors.kernel import Actor, ActorDeadError, CallTimeout, MailboxFull
from actors.trust import ConsiderTrust, NoteAnswer
from pipelines.execution import ApprovalRules, Decision, Question, automatic_choice
from pipelines.guardrails.trust import TrustError, TrustGiven

CALL_S = 5.0
_AGAIN_S = (0.05, 0.2, 1.0, 5.0)


class Trusting:
    """Asks and teaches the TrustLedger for the desk `actor`; does neither where there is none (`ledger` false)."""

    def __init__(self, actor: Actor, rules: ApprovalRules, *, ledger: bool = False, audit: Audit = unaudited) -> None:
        self._actor = actor
        self._rules = rules
        self._ledger = ledger
        self._audit = audit
        self._untaught = Counter[str]()

    def may_answer(self, question: Question) -> bool:
        """Whether it is worth asking."""
        return self._ledger and automatic_choice(question, self._rules) is not None

    async def answer(self, question: Question) -> Decision | None:
        """What trust answers, noted in the audit log by then; None: a person must. Raises `ApprovalError`."""
        choice = automatic_choice(question, self._rules)
        given = None if choice is None else await self._considered(question)
        if self._untaught[question.pattern]:
            return None
        if choice is None or given is None:
            return None
        await self._audit(question, given)
        if self._untaught[question.pattern] or await self._considered(question) is None:
            return None  # somebody has said no, or taken the threshold away, while it was noted
        rule = given.rule
        why = f"{rule.who} set the threshold {rule.threshold:g} for {rule.target}"
        return Decision(choice, True, str(given), why, None, self._actor.kernel.clock.wall(), automatic=True)

    async def learn(self, question: Question, decision: Decision) -> None:
        """A person answered. Returns when the ledger has it on the disk, or later if it is away for the moment."""
        if self._ledger and question.pattern and not await self._taught(question, decision):
            self._untaught[question.pattern] += 1  # trust answers nothing of which it does not know the last answer
            self._actor.spawn_task(self._teach_again(question, decision))

    async def _teach_again(self, question: Question, decision: Decision) -> None:
        for wait_s in chain(_AGAIN_S, repeat(_AGAIN_S[-1])):
            await self._actor.kernel.clock.sleep(wait_s)
            if await self._taught(question, decision):
                self._untaught[question.pattern] -= 1
                return

    async def _taught(self, question: Question, decision: Decision) -> bool:
        """False: the ledger was away."""
        ref = self._actor.kernel.ref("trust")
        try:
            await ref.call(NoteAnswer(question.pattern, decision.approved, decision.at), timeout_s=CALL_S)
        except (ActorDeadError, MailboxFull):
            return False
        except (CallTimeout, TrustError):
            # It knows of it, and answers nothing until it has written it down; after a kill before that, its next life
            # finds a rejection in the journal.
            return True
        return True

    async def _considered(self, question: Question) -> TrustGiven | None:
        ref = self._actor.kernel.ref("trust")
        try:
            given: object = await ref.call(ConsiderTrust(question.pattern, question.asked_at), timeout_s=CALL_S)
        except (ActorDeadError, MailboxFull, CallTimeout):
            return None
        return given if isinstance(given, TrustGiven) else None
