"""Settlements: whatever is settled while one group is written goes into the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from actors.kernel import Actor, OwnFile, Reply
from actors.treasury.books import Books
from actors.treasury.lease_table import Unbooked
from actors.treasury.ledger import Group, Ledger, Written
from actors.treasury.lending import Lending
from actors.treasury.messages import BudgetOverrun, Charge, ChargeKey, LedgerClosedError
from pipelines.guardrails.allocation import Allocation
from pipelines.guardrails.budget import Budget, BudgetDay, exceeds

MOST_CHARGES: Final = 1_000


class Booking:
    """Writes what the lease table has unbooked. `again` is asked to have `start` called when the disk has refused."""

    def __init__(
        self, actor: Actor, books: Books, access: OwnFile[Ledger], lending: Lending, again: Callable[[], object]
    ) -> None:
        self._actor = actor
        self._books = books
        self._table = books.table
        self._access = access
        self._lending = lending
        self._again = again
        self._asked: dict[ChargeKey, list[Reply]] = {}
        self._writing: asyncio.Task[Any] | None = None
        self._round: asyncio.Future[None] | None = None
        self._day: BudgetDay | None = None

    def book(self, key: ChargeKey) -> bool | None:
        """Answers `BookNow`; the reply comes when the group is on the disk."""
        if key not in self._table.unbooked:
            return True
        self._asked.setdefault(key, []).append(self._actor.later())
        self.start()
        return None

    def start(self) -> None:
        """Writes what there is to write, unless that is going on."""
        if self._books.budget is not None and (self._writing is None or self._writing.done()):
            self._writing = self._actor.spawn_task(self._write())

    async def caught_up(self) -> None:
        """Returns when what was settled until now has been written, or could not be. What is settled meanwhile is not
        waited for: under load there is always some."""
        charges, ended = set(self._table.unbooked), set(self._table.ended)
        self.start()
        while (writing := self._writing) is not None and not writing.done():
            if charges.isdisjoint(self._table.unbooked) and ended.isdisjoint(self._table.ended):
                return
            if self._round is None or self._round.done():
                self._round = asyncio.get_running_loop().create_future()
            await asyncio.wait({writing, self._round}, return_when=asyncio.FIRST_COMPLETED)

    def group(self, most: int = MOST_CHARGES) -> Group | None:
        """What is to be written next, at most so many charges; None: nothing."""
        calendar = self._table.calendar
        assert calendar is not None
        unbooked, ended = self._table.unbooked, self._table.ended
        if not unbooked and not ended and self._day == calendar.current:
            return None
        charges: list[Charge] = []
        for each in unbooked.values():
            charges.append(each.charge)
            if len(charges) == most:
                break
        # A run's end comes with its last charge or behind it: it counts for those who have paid.
        ends = dict(ended) if len(charges) == len(unbooked) else {}
        return Group(charges, ends, calendar.current, self._actor.kernel.clock.wall())

    def last_words(self) -> Callable[[Ledger], object] | None:
        """Writes all that there is, for whoever has the file in its hands; None: there is nothing."""
        group = None if self._books.budget is None else self.group(len(self._table.unbooked))
        return None if group is None else partial(_write_group, group, self._books.plan.allocation)

    def done(self, key: ChargeKey, lease: int | None) -> None:
        """The settlement is on the disk, and its lease has ended."""
        self._table.unbooked.pop(key, None)
        if lease is not None:
            self._lending.close(lease)
        for reply in self._asked.pop(key, ()):
            reply.set(True)

    async def _write(self) -> None:
        while (group := self.group()) is not None:
            try:
                written = await self._access.use(partial(_write_group, group, self._books.plan.allocation))
            except LedgerClosedError as error:
                self._books.say_unwritable(str(error))
                self._again()
                return
            self._books.problem = None
            self._written(group, written)
            if self._round is not None and not self._round.done():
                self._round.set_result(None)

    def _written(self, group: Group, written: Written) -> None:
        budget = self._books.budget
        assert budget is not None
        self._day = group.day
        for charge in group.charges:
            each = self._table.unbooked.get(charge.key)
            if each is not None:
                if charge.key in written.new:
                    self._booked(budget, each, group.day)
                self.done(charge.key, each.lease)
        budget.shares.update(written.shares)
        self._forget(budget, group.ended)
        self._books.say_stopped()
        self._lending.sweep()

    def _booked(self, budget: Budget, each: Unbooked, day: BudgetDay) -> None:
        held = None if each.lease is None else self._table.leases.get(each.lease)
        charge = each.charge
        self._books.say_alerts(budget.settle(each.lease, charge.payer, charge.used, day=day.day))
        if held is not None and exceeds(charge.used, held.amount):
            self._actor.kernel.events.publish(BudgetOverrun(charge.payer, held.amount, charge.used))

    def _forget(self, budget: Budget, ended: Mapping[str, str]) -> None:
        for run in ended:
            self._table.ended.pop(run, None)
            budget.forget_run(run)


def _write_group(group: Group, rule: Allocation, file: Ledger) -> Written:
    return file.write(group, rule)
