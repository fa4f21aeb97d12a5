"""What the Journal's thread does with the store: applies batches to it, one at a time, and answers questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from msgspec import Struct

from actors.journal.errors import JournalError
from actors.journal.operations import OPERATIONS, Operation
from actors.journal.records import WRITES, Write
from actors.journal.store import JournalStore


class LoadRun(Struct, frozen=True):
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


def apply(store: JournalStore, items: Sequence[Write | Read | Operation], at: float) -> list[Any]:
    """Commits the writes among `items` together, as of `at` (Unix seconds), then answers the reads: they see everything
    queued before them. One answer for each item, in order; a refusal or failure is a `JournalError` in its item's
    place."""
    writes: list[Write] = [item for item in items if isinstance(item, WRITES)]
    replies: list[Any] = []
    try:
        written = iter(store.commit(writes, at) if writes else ())
    except JournalError as failed:
        written = iter([failed] * len(writes))
    for item in items:
        if isinstance(item, WRITES):
            replies.append(next(written))
        else:
            try:
                operation = isinstance(item, OPERATIONS)
                replies.append(store.operate(item, at) if operation else answer(store, item))
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
