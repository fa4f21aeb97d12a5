"""The Journal: what happened in every run, so that no finished step is ever done twice.

Callers send `OpenRun`, `RecordStep`, `EndRun`, `CloseRun` and are answered after the commit. While one transaction is
being written the next records gather, and all that gathered goes into the next transaction (group commit):
a thousand waiting runs share one write to the disk.

Failure: a store that cannot write (disk full, read-only, corrupt) fails the callers with `JournalError`; the
Journal lives, nothing is acknowledged that was not kept, and the same record may be sent again. When the Journal
crashes (also by any other error of its store) callers see `ActorDeadError` and repeat their record, which is harmless
as the first one wins.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from actors.journal.errors import JournalBusyError, JournalError, JournalUnavailableError
from actors.journal.memory import MemoryStore
from actors.journal.operations import OPERATIONS, Operation, Vacuum
from actors.journal.records import WRITES, Write
from actors.journal.store import JournalPlace, JournalStore
from actors.journal.writer import Read, answer, apply
from actors.kernel import Actor, CallTimeout, OwnThread, Reply

VACUUM_TIMEOUT_S = 600.0

Batch = list[tuple[Write | Read | Operation, Reply]]


class Journal(Actor):
    """Answers `OpenRun`, `RecordStep`, `CloseRun`, `EndRun`, `LoadRun`, `ReadText`, `UnfinishedRuns`,
    `ListRuns`, `FindRun`, and the messages of `operations`.

    A store that blocks gets a thread of the Journal's own; one that does not is written in the handler itself.
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
        self._waiting: deque[tuple[Write | Read | Operation, Reply]] = deque()
        self._writing = False
        self._idle: asyncio.Future[None] | None = None  # awaited at the end: nothing is being written any more

    def on_start(self) -> Any:
        if self._place.blocking:
            return self._start_thread()
        self._open()
        return None

    async def on_stop(self) -> None:
        thread = self.own_thread
        if thread is None:
            self._close()
            return
        if self._writing:  # what waits is written too, and answered
            self._idle = self.kernel.loop.create_future()
            await self._idle
        await thread.run(self._close, self._commit_timeout_s)

    def release(self) -> None:
        """After a kill nobody has closed the store; what was acknowledged is in it all the same."""
        if self.own_thread is not None:
            self.own_thread.let_go(self._close)

    def on_receive(self, message: Write | Read | Operation) -> Any:
        store = self._store
        if store is None or self.own_thread is not None:
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

    async def _start_thread(self) -> None:
        self.own_thread = OwnThread(self._cell)
        await self.own_thread.run(self._open)

    def _open(self) -> None:
        self._store = self._place.open()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()

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
        if not self._writing:
            self._writing = True
            # In the loop's next turn: all who record something in this one share a transaction.
            self.kernel.loop.call_soon(self._write)

    def _write(self) -> None:
        """Has the thread write what waits. What comes while it does so goes into the next transaction."""
        if self._cell.status == "dead":
            return
        waiting = self._waiting
        if len(waiting) == 1:
            batch = [waiting.popleft()]
        else:
            batch = [waiting.popleft() for _ in range(min(len(waiting), self._max_batch))]
        work, patience_s = self._work([message for message, _ in batch])
        assert self.own_thread is not None
        self.own_thread.begin(work, partial(self._written, batch), patience_s)

    def _written(self, batch: Batch, answers: list[Any] | None, error: BaseException | None) -> None:
        if isinstance(error, CallTimeout):
            error, answers = None, [self._unknown()] * len(batch)
        if error is not None:
            self._rest()
            raise error
        assert answers is not None
        for (_, reply), answered in zip(batch, answers, strict=True):
            if isinstance(answered, JournalError):
                reply.fail(answered)
            else:
                reply.set(answered)
        if self._waiting:
            self._write()
        else:
            self._rest()

    def _rest(self) -> None:
        self._writing = False
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _unknown(self) -> JournalUnavailableError:
        return JournalUnavailableError(
            f"the disk did not confirm the record within {self._commit_timeout_s:g} s; it may or may not have been "
            "kept",
            fix="send the same record again (the first one wins); check the disk",
        )

    def _work(self, items: list[Write | Read | Operation]) -> tuple[Callable[[], list[Any]], float]:
        """What the thread does with these, and how long that may take."""
        store = self._store
        assert store is not None
        patience_s = self._commit_timeout_s
        if Vacuum in map(type, items):
            patience_s = max(patience_s, VACUUM_TIMEOUT_S)
        return partial(apply, store, items, self.kernel.clock.wall()), patience_s
