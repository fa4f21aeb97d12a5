"""The journal's one thread: opens the store and applies batches to it, one at a time.

Linked to its Journal: when either crashes both end, and the Journal's supervisor starts both again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

from actors.journal.errors import JournalError
from actors.journal.operations import OPERATIONS, Operation
from actors.journal.records import WRITES, Write
from actors.journal.store import JournalPlace, JournalStore
from actors.kernel import BlockingActor


@dataclass(frozen=True, slots=True)
class LoadRun:
    """Replies the `RunRecord` of this run with those of its steps whose paths begin with `under`, or None. Not `whole`,
    only the small fields of large values are there."""

    run_id: str
    whole: bool = True
    under: str = ""


@dataclass(frozen=True, slots=True)
class ReadText:
    """Replies the `KeptText` of a step's result as JSON, `length` bytes from `at`, or of the run's outcome (`step` is
    None); None when there is none. Fails with `ResultLostError`."""

    run_id: str
    step: str | None
    at: int = 0
    length: int = 1 << 20


@dataclass(frozen=True, slots=True)
class UnfinishedRuns:
    """Replies `tuple[RunRecord, ...]`: every run whose status is not final, oldest first."""


@dataclass(frozen=True, slots=True)
class ListRuns:
    """Replies `tuple[RunSummary, ...]`: the last `limit` runs, newest first."""

    limit: int = 100


@dataclass(frozen=True, slots=True)
class FindRun:
    """Replies the id of the run that has this idempotency key; None: no run has it."""

    idempotency_key: str


Read = LoadRun | ReadText | UnfinishedRuns | ListRuns | FindRun


@dataclass(frozen=True, slots=True)
class Batch:
    """Writes for one transaction, and the operations and reads that follow it; `at` is Unix time in seconds."""

    items: tuple[Write | Read | Operation, ...]
    at: float


class StoreWriter(BlockingActor):
    """Replies to a `Batch` with one answer for each item, in order; a refusal or failure is a `JournalError`
    in its item's place."""

    expected_errors = (JournalError,)

    def __init__(self, place: JournalPlace) -> None:
        super().__init__()
        self._place = place
        self._store: JournalStore | None = None

    def on_start(self) -> None:
        self._store = self._place.open()

    def on_stop(self) -> None:
        if self._store is not None:
            self._store.close()

    def on_release(self) -> None:
        """After a kill nobody has closed the store; what was acknowledged is in it all the same."""
        if self._store is not None:
            self._store.close()

    def on_receive(self, message: Batch) -> list[Any]:
        assert self._store is not None
        return apply(self._store, message)


def apply(store: JournalStore, batch: Batch) -> list[Any]:
    """Commits the batch's writes together, then answers its reads: they see everything queued before them."""
    writes: list[Write] = [item for item in batch.items if isinstance(item, WRITES)]
    replies: list[Any] = []
    try:
        written = iter(store.commit(writes, batch.at) if writes else ())
    except JournalError as failed:
        written = iter([failed] * len(writes))
    for item in batch.items:
        if isinstance(item, WRITES):
            replies.append(next(written))
        else:
            try:
                operation = isinstance(item, OPERATIONS)
                replies.append(store.operate(item, batch.at) if operation else answer(store, item))
            except JournalError as failed:
                replies.append(failed)
    return replies


def answer(store: JournalStore, read: Read) -> Any:
    """What the store has for this question."""
    match read:
        case LoadRun():
            return store.load(read.run_id, whole=read.whole, under=read.under)
        case ReadText():
            return store.kept_text(read.run_id, read.step, read.at, read.length)
        case UnfinishedRuns():
            return store.unfinished()
        case ListRuns():
            return store.recent(read.limit)
        case FindRun():
            return store.run_of_key(read.idempotency_key)
        case _:
            assert_never(read)
