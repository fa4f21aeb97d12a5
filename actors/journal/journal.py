"""The Journal: what happened in every run, so that no finished step is ever done twice.

Callers send `OpenRun`, `RecordStep`, `CloseRun` and are answered after the commit. While one transaction is
being written the next records gather, and all that gathered goes into the next transaction (group commit):
a thousand waiting runs share one write to the disk.

Failure: a store that cannot write (disk full, read-only, corrupt) fails the callers with `JournalError`; the
Journal lives, nothing is acknowledged that was not kept, and the same record may be sent again. A crash of the
Journal or of its writer ends both; callers see `ActorDeadError` and repeat their record, which is harmless as
the first one wins.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from actors.journal.errors import JournalBusyError, JournalError, JournalUnavailableError
from actors.journal.memory import MemoryStore
from actors.journal.operations import OPERATIONS, Operation, Vacuum
from actors.journal.records import WRITES, Write
from actors.journal.store import JournalPlace, JournalStore
from actors.journal.writer import Batch, Read, StoreWriter, answer
from actors.kernel import Actor, ActorRef, CallTimeout, Reply

VACUUM_TIMEOUT_S = 600.0


class Journal(Actor):
    """Answers `OpenRun`, `RecordStep`, `CloseRun`, `LoadRun`, `ReadText`, `UnfinishedRuns`,
    `ListRuns`, `FindRun`, and the messages of `operations`.

    A store that blocks gets a thread (`StoreWriter`); one that does not is written in the handler itself.
    `max_waiting` bounds the records that wait for a commit, `max_batch` those of one transaction;
    `commit_timeout_s` is how long a transaction may take before its callers are told that it is unknown
    whether their record was kept.
    """

    expected_errors = (JournalError,)

    def __init__(
        self,
        place: JournalPlace,
        *,
        max_waiting: int = 20_000,
        max_batch: int = 1_000,
        commit_timeout_s: float = 30.0,
    ) -> None:
        super().__init__()
        self._place = place
        self._max_waiting = max_waiting
        self._max_batch = max_batch
        self._commit_timeout_s = commit_timeout_s
        self._store: JournalStore | None = None
        self._writer: ActorRef[StoreWriter] | None = None
        self._waiting: deque[tuple[Write | Read | Operation, Reply]] = deque()
        self._draining: asyncio.Task[Any] | None = None

    def on_start(self) -> Any:
        if self._place.blocking:
            return self._start_writer()
        self._store = self._place.open()
        return None

    async def on_stop(self) -> None:
        if self._store is not None:
            self._store.close()
        writer = self._writer
        if writer is None or not writer.is_alive():
            return
        while self._waiting:
            # Their callers are being told that the Journal ends; what they sent is kept all the same.
            batch = [self._waiting.popleft()[0] for _ in range(min(len(self._waiting), self._max_batch))]
            await writer.call(Batch(tuple(batch), self.kernel.clock.wall()), timeout_s=self._commit_timeout_s)
        self.unlink(writer)
        await writer.stop()

    def on_receive(self, message: Write | Read | Operation) -> Any:
        store = self._store
        if store is None:
            self._enqueue(message)
            return None
        if isinstance(message, WRITES):
            at = self.kernel.clock.wall()
            if isinstance(store, MemoryStore):
                return store.write(message, at)
            (reply,) = store.commit([message], at)
            if isinstance(reply, JournalError):
                raise reply
            return reply
        if isinstance(message, OPERATIONS):
            return store.operate(message, self.kernel.clock.wall())
        return answer(store, message)

    async def _start_writer(self) -> None:
        self._writer = await self.kernel.spawn(StoreWriter, self._place, link_to=self.ref, parent=self.ref)

    def _enqueue(self, message: Write | Read | Operation) -> None:
        reply = self.later()
        if len(self._waiting) >= self._max_waiting:
            reply.fail(
                JournalBusyError(
                    f"{self._max_waiting} records wait for a commit already",
                    fix="send the record again in a moment; check the disk if this lasts",
                )
            )
            return
        self._waiting.append((message, reply))
        if self._draining is None or self._draining.done():
            self._draining = self.spawn_task(self._drain())

    async def _drain(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._max_batch))]
            answers = await self._commit(tuple(message for message, _ in batch))
            for (_, reply), answered in zip(batch, answers, strict=True):
                if isinstance(answered, JournalError):
                    reply.fail(answered)
                else:
                    reply.set(answered)

    async def _commit(self, items: tuple[Write | Read | Operation, ...]) -> list[Any]:
        assert self._writer is not None
        try:
            patience_s = self._commit_timeout_s
            if any(isinstance(item, Vacuum) for item in items):
                patience_s = max(patience_s, VACUUM_TIMEOUT_S)
            return await self._writer.call(Batch(items, self.kernel.clock.wall()), timeout_s=patience_s)
        except CallTimeout:
            unknown = JournalUnavailableError(
                f"the disk did not confirm the record within {self._commit_timeout_s:g} s; it may or may not "
                "have been kept",
                fix="send the same record again (the first one wins); check the disk",
            )
            return [unknown] * len(items)
