"""The TrustLedger ("trust"): counts what persons answer to each pattern, and keeps the thresholds that persons set.

It answers "may trust answer this?" and never answers a question itself. Fail closed: while its state is not on the
disk, while it is being restarted, while the journal cannot be asked for rejections that were not written down before a
kill, and after a state that could not be read (moved aside, published, said in the log), the answer is no. What was
learned is then read back from the journal; thresholds are not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from actors.journal import JournalError
from actors.kernel import Actor, ActorDeadError, CallTimeout, MailboxFull
from actors.trust.catching_up import unheard_rejections
from actors.trust.files import TrustFile
from actors.trust.messages import (
    ClearTrust,
    ConsiderTrust,
    ListTrust,
    NoteAnswer,
    SetTrust,
    TrustCaughtUp,
    TrustLine,
    TrustNow,
    TrustRebuilt,
    TrustStateUnreadable,
    TrustStateUnsaved,
    TrustUnsavedError,
)
from actors.trust.rebuilding import joined, records_from_journal
from pipelines.guardrails.trust import (
    TrustError,
    TrustGiven,
    TrustRecord,
    TrustRule,
    check_rule,
    rule_for,
    target_of,
    trusted,
)
from pipelines.guardrails.trust_state import TrustState, TrustStateError

MOST_PATTERNS = 5_000
MOST_RULES = 1_000


class _Save:
    """The last save has failed, perhaps."""


class TrustLedger(Actor):
    """Answers `ConsiderTrust`, `NoteAnswer`, `SetTrust`, `ClearTrust` and `ListTrust`.

    Of more than `most_patterns` those that were answered longest ago are forgotten. `look_s` is how often an unsaved
    state is tried again.
    """

    expected_errors = (TrustError,)

    def __init__(self, state_dir: str | Path, *, look_s: float = 5.0, most_patterns: int = MOST_PATTERNS) -> None:
        super().__init__()
        self._file = TrustFile(state_dir)
        self._look_s = look_s
        self._most = most_patterns
        self._records: dict[str, TrustRecord] = {}
        self._rules: dict[str, TrustRule] = {}
        self._version = 0
        self._saved = 0
        self._saving: asyncio.Task[Any] | None = None
        self._caught_up = set[str]()
        self._catching_up: asyncio.Task[Any] | None = None
        self._problem = ""

    async def on_start(self) -> None:
        """Reads what an earlier node left."""
        try:
            state = await asyncio.to_thread(self._file.load, self._file.turn())
        except (OSError, TrustStateError) as error:
            state = TrustState()
            await self._set_aside(error)
            self.spawn_task(self._rebuild(self.kernel.clock.wall()))
        self._records, self._rules = dict(state.records), dict(state.rules)
        self.tell_every(self._look_s, _Save())
        if self._rules:  # now, before so many runs are made that those in question are no longer among the newest
            self._catch_up([each for each in self._records if rule_for(each, self._rules) is not None])

    async def on_stop(self) -> None:
        """Writes down what is not yet."""
        if self._saving is not None:
            await asyncio.wait({self._saving})  # or the older state that it writes could be the last
        if self._version != self._saved:
            with contextlib.suppress(OSError):  # published already, and there is no later moment to try again
                await asyncio.to_thread(self._file.save, self._state(), self._file.turn())

    def on_receive(self, message: Any) -> Any:
        """See the messages."""
        match message:
            case ConsiderTrust(pattern, asked_at):
                return self.defer(self._considered(pattern, asked_at))
            case NoteAnswer(pattern, approved, at):
                return self.defer(self._note(pattern, approved, self.kernel.clock.wall() if at is None else at))
            case SetTrust():
                return self.defer(self._set(message))
            case ClearTrust():
                return self.defer(self._clear(message))
            case ListTrust():
                lines = tuple(self._line(each) for each in reversed(self._records) if self._records[each].answers)
                return TrustNow(lines, tuple(self._rules.values()), self._problem)
            case _Save():
                if self._version != self._saved:
                    self._start_saving()
                return None
            case _:
                raise TypeError(f"a TrustLedger does not take {type(message).__name__}")

    async def _considered(self, pattern: str, asked_at: float) -> TrustGiven | None:
        for _ in range(2):  # one that is under way may be about others
            if pattern not in self._caught_up and self._given(pattern, asked_at) is not None:
                await asyncio.wait({self._catch_up([pattern])})
        return self._given(pattern, asked_at) if pattern in self._caught_up else None

    def _given(self, pattern: str, asked_at: float) -> TrustGiven | None:
        record = self._records.get(pattern)
        # What is not on the disk may be a rejection that the next node would not know of.
        if record is None or self._version != self._saved:
            return None
        return trusted(pattern, asked_at, record, self._rules)

    def _catch_up(self, patterns: Sequence[str]) -> asyncio.Task[Any]:
        """Compares these with the journal, unless others are being compared: then that is to be waited for first."""
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = self.spawn_task(self._compare(patterns))
        return self._catching_up

    async def _compare(self, patterns: Sequence[str]) -> None:
        try:
            known = {each: self._records[each] for each in patterns if each in self._records}
            unheard = await unheard_rejections(self.kernel, known)
        except (JournalError, ActorDeadError, CallTimeout, MailboxFull):
            return  # nothing is answered until it can be asked
        for pattern, times in unheard.items():
            record = self._records.pop(pattern, TrustRecord())
            lacking = [at for at in times if record.lacks_rejection(at)]  # some were noted meanwhile
            for at in lacking:
                record = record.after(False, at)
            self._records[pattern] = record
            if lacking:
                self.kernel.events.publish(TrustCaughtUp(pattern, len(lacking)))
                self._version += 1
        self._caught_up.update(known)
        if self._version != self._saved:
            self._start_saving()

    async def _note(self, pattern: str, approved: bool, at: float) -> None:
        former = self._records.pop(pattern, TrustRecord())
        # One that was found in the journal meanwhile is counted already.
        self._records[pattern] = former.after(approved, at) if approved or at not in former.refused_at else former
        while len(self._records) > self._most:
            oldest = next(iter(self._records))
            del self._records[oldest]
            self._caught_up.discard(oldest)
        await self._kept()

    async def _rebuild(self, before: float) -> None:
        """Beside the work, because the journal may take its time. Thresholds stay gone: a person set them."""
        found = await records_from_journal(self.kernel, before)
        self._records = {
            pattern: joined(found.get(pattern, TrustRecord()), self._records.get(pattern, TrustRecord()))
            for pattern in (*found, *self._records)
        }
        self.kernel.events.publish(TrustRebuilt(sum(each.answers for each in found.values()), len(found)))
        self._version += 1
        self._start_saving()

    async def _set(self, order: SetTrust) -> TrustRule:
        check_rule(order.target, order.threshold)
        if order.target not in self._rules and len(self._rules) >= MOST_RULES:
            raise TrustError(
                f"{MOST_RULES} thresholds are set, which is the limit; clear one with `evopipe trust clear`"
            )
        rule = TrustRule(order.target, order.threshold, order.reason, order.who, self.kernel.clock.wall())
        former = self._rules.get(order.target)
        self._rules[order.target] = rule
        try:
            await self._kept()
        except TrustUnsavedError:
            if self._rules.get(order.target) is rule:
                self._rules.pop(order.target)
                if former is not None:
                    self._rules[order.target] = former
                self._version += 1  # a save that began meanwhile may have had it
            raise
        return rule

    async def _clear(self, order: ClearTrust) -> tuple[int, int]:
        rules = 0 if self._rules.pop(order.target, None) is None else 1
        below = f"{order.target}/"
        known = [each for each, record in self._records.items() if order.history and record.answers]
        found = [each for each in known if f"{target_of(each)}/".startswith(below)]
        for pattern in found:
            # What is left says from when on the journal's answers count again.
            self._records[pattern] = TrustRecord(since=self.kernel.clock.wall())
        if rules or found:
            await self._kept()
        return rules, len(found)

    def _line(self, pattern: str) -> TrustLine:
        record, rule = self._records[pattern], rule_for(pattern, self._rules)
        return TrustLine(
            pattern=pattern,
            target=target_of(pattern),
            approvals=record.approvals,
            rejections=record.rejections,
            streak=record.streak,
            score=round(record.score, 4),
            threshold=None if rule is None else rule.threshold,
            last_at=record.last_at,
        )

    # ---- the disk ------------------------------------------------------------------------------------------

    def _state(self) -> TrustState:
        return TrustState(dict(self._records), dict(self._rules))

    async def _kept(self) -> None:
        """Returns when what has changed is on the disk. Raises `TrustUnsavedError`."""
        self._version += 1
        wanted = self._version
        while self._saved < wanted:
            self._start_saving()
            assert self._saving is not None
            await asyncio.wait({self._saving})
            if self._problem and self._saved < wanted:
                raise TrustUnsavedError(self._problem)

    def _start_saving(self) -> None:
        if self._saving is None or self._saving.done():
            self._saving = self.spawn_task(self._save())

    async def _save(self) -> None:
        """One write for all that came meanwhile."""
        while self._saved != self._version:
            version, state = self._version, self._state()
            try:
                await asyncio.to_thread(self._file.save, state, self._file.turn())
            except OSError as error:
                problem = f"{self._file.path} cannot be written: {error.strerror or error}"
                if problem != self._problem:
                    self._problem = problem
                    self.kernel.events.publish(TrustStateUnsaved(problem))
                return
            self._saved, self._problem = version, ""

    async def _set_aside(self, error: Exception) -> None:
        aside = self._file.path
        with contextlib.suppress(OSError):
            aside = await asyncio.to_thread(self._file.move_aside, self._file.turn())
        self.kernel.events.publish(TrustStateUnreadable(str(self._file.path), str(error), str(aside)))
