"""Runs that have ended unheard, because the node was killed: the journal knows how."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from actors.journal import JournalError, LoadRun, RunRecord
from actors.kernel import Actor, KernelError
from actors.treasury.lease_table import LeaseTable

#: In one go, so that a node with many runs to resume is not kept from that.
MOST_ASKED: Final = 50


class UnheardEnds:
    """Asks the journal after runs that were open when the ledger was read, a few at a time."""

    def __init__(self, actor: Actor, table: LeaseTable) -> None:
        self._actor = actor
        self._table = table
        self._runs: list[str] = []
        self._asking: asyncio.Task[Any] | None = None

    def ask_after(self, runs: Iterable[str]) -> None:
        """Begins with these."""
        self._runs = list(runs)
        self.go_on()

    def go_on(self) -> None:
        """Asks after some more."""
        if self._runs and (self._asking is None or self._asking.done()):
            self._asking = self._actor.spawn_task(self._ask())

    async def _ask(self) -> None:
        table = self._table
        for _ in range(min(MOST_ASKED, len(self._runs))):
            run = self._runs[-1]
            if run in table.open_runs:
                try:
                    record: RunRecord | None = await self._actor.kernel.ref("journal").call(LoadRun(run, whole=False))
                except (KernelError, JournalError):
                    # It is asked again, behind the others: one that cannot be read must not hold them up.
                    self._runs.insert(0, self._runs.pop())
                    return
                if record is not None and record.finished and run in table.open_runs:
                    table.open_runs.discard(run)
                    table.ended[run] = record.status
            self._runs.pop()
