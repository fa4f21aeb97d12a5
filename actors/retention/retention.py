"""`Retention`: deletes what is older than the policy says: finished runs, their content, conversations, charges.

It does so in small transactions, each a message that waits its turn among the runs' own records, and holds nothing that
a restart could lose: what is due is in the journal, with the sessions and in the ledger.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from actors.journal import BlankRuns, ForgetRuns, JournalError, ListRuns, RunSummary
from actors.kernel import Actor, ActorDeadError, CallTimeout, MailboxFull
from actors.sessions import ForgetOldSessions, SessionError
from actors.treasury import ForgetCharges, TreasuryError

DAY_S: Final = 86_400.0
FIRST_AFTER_S: Final = 60.0
EVERY_S: Final = 3_600.0
JUMP_S: Final = 3_600.0
RUNS_A_TIME: Final = 50
CHARGES_A_TIME: Final = 2_000
_CALL_TIMEOUT_S: Final = 60.0
_log = logging.getLogger("evopipe.retention")


@dataclass(frozen=True, slots=True)
class Policy:
    """For how many days after its end a run is kept, and its content; for how many after its last turn a
    conversation; for how many what a call has cost, of a run that did not succeed as long as the run. None: for ever.
    """

    runs_days: float | None = None
    content_days: float | None = None
    sessions_days: float | None = None
    charges_days: float | None = None


KEEP_ALL: Final = Policy()


@dataclass(frozen=True, slots=True)
class EnforceRetention:
    """Does what is due now -> `RetentionApplied`. Fails with `JournalError`, `SessionError` or `TreasuryError`; what
    was done until then stays done."""


@dataclass(frozen=True, slots=True)
class RetentionApplied:
    """How many runs were deleted, how many lost their content, how many conversations ended, how many charges were
    deleted. Published, too, unless it was nothing."""

    forgotten: int = 0
    blanked: int = 0
    sessions: int = 0
    charges: int = 0


class _Due:
    """It is time."""


class Retention(Actor):
    """Answers `EnforceRetention`; enforces the policy by itself a minute after its start and every hour from then on.

    A journal that cannot write is told in the log and tried again an hour later. So is a clock that has jumped by more
    than an hour since the last time, or that is more than a day after the newest run when the node starts: what a wrong
    clock calls old is deleted only if it goes on saying so for an hour.
    """

    expected_errors = (JournalError, SessionError, TreasuryError)

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self._policy = policy
        self._offset_s = 0.0
        self._is_first = True

    def on_start(self) -> None:
        self._offset_s = self._wall_offset_s()
        if self._policy != KEEP_ALL:
            self.tell_after(FIRST_AFTER_S, _Due())

    def on_receive(self, message: Any) -> Any:
        match message:
            case EnforceRetention():
                return self.enforce()
            case _Due():
                self.tell_after(EVERY_S, _Due())
                before, self._offset_s = self._offset_s, self._wall_offset_s()
                if abs(self._offset_s - before) > JUMP_S:
                    _log.warning(
                        "retention waits for an hour: the clock has jumped by %.0f s; nothing is deleted meanwhile",
                        self._offset_s - before,
                    )
                    return None
                return self._unasked()
            case _:
                raise TypeError(f"a Retention does not take {type(message).__name__}")

    async def enforce(self) -> RetentionApplied:
        """What is older goes first, so that nothing is blanked that is deleted a moment later."""
        now, policy = self.kernel.clock.wall(), self._policy
        done = [0, 0, 0, 0]
        try:
            if policy.runs_days is not None:
                await self._repeat(done, 0, "journal", ForgetRuns(now - policy.runs_days * DAY_S, RUNS_A_TIME))
            if policy.content_days is not None:
                await self._repeat(done, 1, "journal", BlankRuns(now - policy.content_days * DAY_S, now, RUNS_A_TIME))
            if policy.sessions_days is not None:
                old = ForgetOldSessions(now - policy.sessions_days * DAY_S, RUNS_A_TIME)
                await self._repeat(done, 2, "sessions", old)
            if policy.charges_days is not None:
                # A run that may be resumed goes on with what it has spent.
                others = None if policy.runs_days is None else now - max(policy.runs_days, policy.charges_days) * DAY_S
                spent = ForgetCharges(now - policy.charges_days * DAY_S, others, CHARGES_A_TIME)
                await self._repeat(done, 3, "treasury", spent)
        finally:
            applied = RetentionApplied(*done)
            if any(done):  # also of what failed in the middle
                self.kernel.events.publish(applied)
                told = "retention: %d runs deleted, content of %d taken out, %d conversations ended, %d charges deleted"
                _log.info(told, *done)
        return applied

    async def _has_been_away(self) -> bool:
        newest: tuple[RunSummary, ...] = await self.kernel.ref("journal").call(ListRuns(1), timeout_s=_CALL_TIMEOUT_S)
        return any(self.kernel.clock.wall() - max(run.opened_at, run.closed_at or 0.0) > DAY_S for run in newest)

    def _wall_offset_s(self) -> float:
        clock = self.kernel.clock
        return clock.wall() - clock.now()

    async def _unasked(self) -> None:
        first, self._is_first = self._is_first, False
        try:
            if first and await self._has_been_away():
                _log.info("retention waits for an hour: the newest run is more than a day old, or the clock is wrong")
                return
            await self.enforce()
        except (JournalError, SessionError, TreasuryError, ActorDeadError, CallTimeout, MailboxFull) as error:
            _log.warning("retention could not be enforced, next time in an hour: %s", error)

    async def _repeat(
        self, done: list[int], index: int, actor: str, order: ForgetRuns | BlankRuns | ForgetOldSessions | ForgetCharges
    ) -> None:
        while True:
            now: int = await self.kernel.ref(actor).call(order, timeout_s=_CALL_TIMEOUT_S)
            done[index] += now
            if now < order.limit:
                return
