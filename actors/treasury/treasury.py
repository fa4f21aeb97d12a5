"""The Treasury: nobody calls a provider without its leave, and what a call used is on the disk before its step goes on.

Failure: it fails closed. Until its ledger has been read, and whenever it cannot be written, nothing is lent; what was
lent before is booked once the disk is back. After a crash its next life reads the ledger and the lease table: what is
spent and what is reserved are as they were.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from actors.kernel import Actor, Down, OwnFile
from actors.treasury.booking import Booking
from actors.treasury.books import Books, seconds_up
from actors.treasury.lease_table import LeaseTable, Unbooked
from actors.treasury.ledger import Group, Ledger
from actors.treasury.ledger_pruning import Pruning
from actors.treasury.ledger_reading import Kept
from actors.treasury.ledger_reports import LedgerReports
from actors.treasury.ledger_schema import FILE_NAME
from actors.treasury.lending import Lending
from actors.treasury.limits import LimitSetting
from actors.treasury.messages import (
    Audit,
    BookNow,
    Borrow,
    BudgetChanged,
    BudgetLeft,
    BudgetState,
    ChargeKey,
    CostReport,
    ForgetCharges,
    GiveBack,
    LedgerClosedError,
    RunCosts,
    SetLimit,
    TreasuryError,
    WholeFrom,
)
from actors.treasury.unheard import UnheardEnds
from actors.treasury.viewing import left_of
from pipelines.guardrails.budget import BudgetDay, BudgetPlan, date_of

T = TypeVar("T")
_AGAIN_S: Final = 0.5
_TICK_S: Final = 1.0


class _Open:
    """Read the ledger."""


class _Tick:
    """A second has gone by."""


class _Write:
    """Write what is not written yet."""


async def unaudited(_change: BudgetChanged) -> None:
    """Keeps nothing but the ledger's own table of changes."""


class Treasury(Actor):
    """Answers the messages that `messages` lists. `audit` is asked before a person's change is in force; `up_s` counts
    the seconds that really go by, whatever is done to the clock."""

    expected_errors = (TreasuryError,)
    mailbox_limit = 100_000

    def __init__(
        self,
        state_dir: str | Path,
        table: LeaseTable,
        plan: BudgetPlan,
        *,
        audit: Audit = unaudited,
        up_s: Callable[[], float] = seconds_up,
    ) -> None:
        super().__init__()
        path = Path(state_dir) / FILE_NAME
        self._table = table
        table.busy_wait_s = plan.busy_wait_s
        self._books = books = Books(self.kernel, table, plan, up_s)
        self._ledger = ledger = OwnFile(self._cell, lambda: Ledger(path), LedgerClosedError)
        self._reports = OwnFile(self._cell, lambda: LedgerReports(path), LedgerClosedError)
        self._lending = Lending(self, books, ledger)
        self._booking = Booking(self, books, ledger, self._lending, lambda: self.tell_after(_AGAIN_S, _Write()))
        self._limits = LimitSetting(self, books, ledger, audit)
        self._unheard = UnheardEnds(self, table)

    # ---- life ----------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """The ledger is read as the first message: a disk that cannot be read must not end the node."""
        self.ref.tell(_Open())
        self.tell_every(_TICK_S, _Tick())

    async def on_stop(self) -> None:
        """What is settled is written; the disk has the last word."""
        try:
            await self._ledger.close(self._booking.last_words())
        except LedgerClosedError as error:
            self._books.say_unwritable(str(error))
        await self._reports.close()

    def release(self) -> None:
        """After a kill nobody has closed the files."""
        self._ledger.release()
        self._reports.release()

    def describe(self) -> Mapping[str, object]:
        return {
            "leases": len(self._table.leases),
            "waiting": self._lending.waiting,
            "unbooked": len(self._table.unbooked),
            "refused": self._books.refused,
            "problem": self._books.problem,
        }

    def on_receive(self, message: Any) -> Any:
        match message:
            case Borrow(lease):
                return self._lending.borrow(lease)
            case BookNow(key):
                return self._booking.book(key)
            case GiveBack(number):
                self._lending.give_back(number)
            case Down():
                self._lending.down(message)
            case _Tick():
                self._tick()
            case _Write():
                self._booking.start()
            case _Open():
                return self._open()
            case BudgetState():
                return self._books.view(self._lending.waiting)
            case BudgetLeft(paths):
                return left_of(self._books.budget, paths)
            case SetLimit():
                return self.defer(self._set_limit(message))
            case CostReport(since):
                return self.defer(self._told(lambda file: file.pipelines(since)))
            case RunCosts(limit):
                return self.defer(self._told(lambda file: file.newest_runs(limit)))
            case WholeFrom():
                return self.defer(self._told(lambda file: file.whole_from()))
            case ForgetCharges():
                return self.defer(self._forget(message))
            case _:
                raise TypeError(f"the Treasury does not take {type(message).__name__}")
        return None

    # ---- inside --------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        """First what was settled and not written, so that the sums that are read have it."""
        caught_up = dict(self._table.unbooked)
        wall_s = self.kernel.clock.wall()
        try:
            kept = await self._ledger.use(lambda file: self._read(file, caught_up, wall_s))
        except LedgerClosedError as error:
            self._books.say_unwritable(str(error))
            self.tell_after(_AGAIN_S, _Open())
            return
        self._take_over(kept, caught_up, wall_s)

    def _read(self, file: Ledger, unbooked: Mapping[ChargeKey, Unbooked], wall_s: float) -> Kept:
        calendar, today = self._table.calendar, date_of(wall_s)
        known: BudgetDay | None = None if calendar is None else calendar.current
        if unbooked:
            charges = [each.charge for each in unbooked.values()]
            file.write(Group(charges, {}, known or file.day_of(today), wall_s), self._books.plan.allocation)
        return file.read(today, known)

    def _take_over(self, kept: Kept, caught_up: Mapping[ChargeKey, Unbooked], wall_s: float) -> None:
        budget = self._books.take_over(kept, wall_s)
        self._table.open_runs |= kept.open_runs - set(self._table.ended)
        self._table.revived -= kept.open_runs
        # Weakly: what is killed has to go, and its file with it.
        itself = weakref.ref(self)
        self._table.view = lambda: None if (treasury := itself()) is None else treasury._seen()
        self._lending.take_over(budget)
        # These are among the sums that were read: their leases end, and nothing more is booked.
        for key, each in caught_up.items():
            self._booking.done(key, each.lease)
        self._books.say_stopped()
        self._unheard.ask_after(kept.open_runs)

    def _seen(self) -> Any:
        return self._books.view(self._lending.waiting)

    def _tick(self) -> None:
        self._books.look_at_the_clock()
        if self._books.budget is not None and self._booking.group() is not None:
            self._booking.start()
        self._lending.expire()
        self._unheard.go_on()

    async def _set_limit(self, asked: SetLimit) -> Any:
        await self._limits.set(asked)
        self._lending.sweep()
        return self._seen()

    async def _forget(self, asked: ForgetCharges) -> int:
        """With what was settled on the disk, so that no run is taken for ended that has just gone on."""
        self._books.open()
        await self._booking.caught_up()
        calendar = self._table.calendar
        assert calendar is not None, "it is there once the books are open"
        due = Pruning(asked.before, asked.others, calendar.current.day, asked.limit)
        return await self._ledger.use(lambda file: file.forget(due))

    async def _told(self, use: Callable[[LedgerReports], T]) -> T:
        """What the ledger says, with all that has happened until now in it."""
        self._books.open()
        await self._booking.caught_up()
        return await self._reports.use(use)
