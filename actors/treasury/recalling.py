"""Runs that go on after they had ended, or after a restart of the node: what they used before counts.

Their first call waits until the ledger was asked, all that wait in one go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from actors.kernel import Actor, OwnFile, Reply
from actors.treasury.books import Books
from actors.treasury.ledger import Ledger
from actors.treasury.messages import Lease, LedgerClosedError


class Recalling:
    """Asks the ledger after runs before they are lent anything; `lend` takes the calls over that have waited."""

    def __init__(
        self, actor: Actor, books: Books, access: OwnFile[Ledger], lend: Callable[[Lease, Reply], object]
    ) -> None:
        self._actor = actor
        self._books = books
        self._access = access
        self._lend = lend
        self._waiting: dict[int, tuple[Lease, Reply]] = {}
        self._asking: asyncio.Task[Any] | None = None

    def wait(self, lease: Lease, reply: Reply) -> None:
        """This call waits until what its run used before is known."""
        self._waiting[lease.number] = (lease, reply)
        if self._asking is None or self._asking.done():
            self._asking = self._actor.spawn_task(self._ask())

    def leave(self, number: int) -> bool:
        """This call waits no longer; whether it did."""
        return self._waiting.pop(number, None) is not None

    async def _ask(self) -> None:
        while self._waiting:
            runs = frozenset(lease.payer.run for lease, _ in self._waiting.values())
            try:
                found = await self._access.use(lambda file: file.reopen(runs))  # noqa: B023 - used up before the next turn
            except LedgerClosedError as error:
                waiting, self._waiting = self._waiting, {}
                for _, reply in waiting.values():
                    reply.fail(error)
                return
            budget, table = self._books.budget, self._books.table
            assert budget is not None
            for each in found:
                budget.restore(each.name, each.amount, each.unpriced, each.run, each.share)
                table.open_runs.add(each.run)
            table.revived -= runs
            ready = [number for number, (lease, _) in self._waiting.items() if lease.payer.run in runs]
            for number in ready:
                self._lend(*self._waiting.pop(number))
