"""Reservations: granted, waited for, given back, or taken back from holders that have ended."""

from __future__ import annotations

from collections.abc import Iterable

from actors.kernel import Actor, Down, OwnFile, Reply
from actors.treasury.books import Books
from actors.treasury.holders import Holders
from actors.treasury.ledger import Ledger
from actors.treasury.messages import BudgetRefused, Lease, LedgerClosedError
from actors.treasury.recalling import Recalling
from actors.treasury.waiting import Waiting, WaitingCalls
from pipelines.guardrails.budget import AccountName, Budget, Refusal


class Lending:
    """What the Treasury lends. A lease is in the budget and in the lease table, or in neither."""

    def __init__(self, actor: Actor, books: Books, access: OwnFile[Ledger]) -> None:
        self._actor = actor
        self._clock = actor.kernel.clock
        self._books = books
        self._table = books.table
        self._holders = Holders(actor)
        self._waiting = WaitingCalls()
        self._recalling = Recalling(actor, books, access, self._lend_later)

    @property
    def waiting(self) -> int:
        """How many calls wait for room."""
        return len(self._waiting)

    def take_over(self, budget: Budget) -> None:
        """The leases that are out; those that are being settled are no longer their holders'."""
        settling = self._table.settling()
        for lease in self._table.leases.values():
            budget.hold(lease.number, lease.payer, lease.amount)
            if lease.number not in settling:
                self._holders.watch(lease)

    def borrow(self, lease: Lease) -> Refusal | None:
        """Answers `Borrow`; the reply may come later. Raises `LedgerClosedError`."""
        if lease.number in self._table.leases:
            return None
        budget = self._books.open()
        if lease.payer.run in self._table.revived:
            self._recalling.wait(lease, self._actor.later())
            return None
        refusal, queue = self._ask(budget, lease)
        if queue is None:
            return refusal
        self._wait(lease, self._actor.later(), queue)
        return None

    def give_back(self, number: int) -> None:
        """The call came to nothing."""
        if self._recalling.leave(number):
            return
        self._waiting.leave(number)
        self.end((number,))

    def down(self, message: Down) -> None:
        """A holder has ended. What it has settled before is on its way to the ledger."""
        numbers = self._holders.down(message)
        if numbers:
            self.end(set(numbers) - self._table.settling())

    def end(self, numbers: Iterable[int]) -> None:
        """These leases end, and who waits for room is tried."""
        budget = self._books.budget
        room: dict[AccountName, None] = {}
        for number in numbers:
            if budget is not None and self._waiting:
                room.update(dict.fromkeys(account.name for account in budget.accounts_of(number)))
            self.close(number)
        if self._waiting:
            # Nothing given back: it was a call that waited itself, perhaps before others.
            self.sweep(room or None)

    def close(self, number: int) -> None:
        """This lease ends; who waits for room is left waiting."""
        if self._books.budget is not None:
            self._books.budget.release(number)
        if self._table.leases.pop(number, None) is not None:
            self._holders.ended(number)

    def sweep(self, accounts: Iterable[AccountName] | None = None) -> None:
        """Tries who waits at these accounts; None: at all."""
        if self._books.problem is None and self._waiting:
            self._waiting.sweep(self._attempt, accounts)

    def expire(self) -> None:
        """Answers the calls that have waited for too long: with room after all, or with what is in the way."""
        for waiting in self._waiting.expired(self._clock.now()):
            if self._books.problem is not None:
                waiting.reply.fail(LedgerClosedError(self._books.problem))
                continue
            refusal = self._grant(self._books.open(), waiting.lease)
            waiting.reply.set(None if refusal is None else self._refuse(waiting.lease, refusal))
        self.sweep()

    # ---- inside --------------------------------------------------------------------------------------------

    def _ask(self, budget: Budget, lease: Lease) -> tuple[Refusal | None, AccountName | None]:
        """The answer, or the account at which it has to wait for one."""
        if self._waiting:
            refusal = budget.refusal(lease.payer, lease.amount)
            if refusal is None or refusal.passing:
                # Behind who came first, also when it would fit.
                queue = self._waiting.queued_at(budget.paying(lease.payer))
                if queue is not None:
                    return None, queue
        refusal = self._grant(budget, lease)
        if refusal is None:
            return None, None
        return (None, refusal.account) if refusal.passing else (self._refuse(lease, refusal), None)

    def _lend_later(self, lease: Lease, reply: Reply) -> None:
        try:
            refusal, queue = self._ask(self._books.open(), lease)
        except LedgerClosedError as error:
            reply.fail(error)
            return
        if queue is None:
            reply.set(refusal)
        else:
            self._wait(lease, reply, queue)

    def _wait(self, lease: Lease, reply: Reply, queue: AccountName) -> None:
        self._waiting.add(Waiting(lease, reply, self._clock.now() + self._books.plan.busy_wait_s), queue)

    def _attempt(self, waiting: Waiting) -> Refusal | None:
        refusal = self._grant(self._books.open(), waiting.lease)
        if refusal is not None and refusal.passing:
            return refusal
        waiting.reply.set(None if refusal is None else self._refuse(waiting.lease, refusal))
        return None

    def _grant(self, budget: Budget, lease: Lease) -> Refusal | None:
        refusal = budget.reserve(lease.number, lease.payer, lease.amount)
        if refusal is None:
            self._table.leases[lease.number] = lease
            self._holders.watch(lease)
        return refusal

    def _refuse(self, lease: Lease, refusal: Refusal) -> Refusal:
        self._books.refused += 1
        self._actor.kernel.events.publish(BudgetRefused(refusal, lease.payer))
        return refusal
