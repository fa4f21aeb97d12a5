"""The seam beneath the Journal: where records are kept.

To add a store: a class with `JournalStore`'s methods, a `JournalPlace` that opens it, and a line in
`tests/contracts/test_journal_stores.py`, which holds every store to one suite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.journal.errors import JournalError
from actors.journal.records import RunRecord, RunSummary, Write, WriteReply


class JournalStore(Protocol):
    """An open store. Used from one thread only: the thread that opened it."""

    def commit(self, writes: Sequence[Write], at: float) -> list[WriteReply | JournalError]:
        """Applies the writes in order in one transaction, stamped `at` (Unix seconds); durable on return.

        A write that is refused on its own (unknown run, not JSON, key conflict) has its error in its place
        in the reply and leaves the others alone. When the store itself fails this raises
        `JournalUnavailableError` and none of the writes is kept.
        """
        ...

    def load(self, run_id: str) -> RunRecord | None:
        """The run with its steps, or None."""
        ...

    def unfinished(self) -> tuple[RunRecord, ...]:
        """Every run whose status is not final, oldest first."""
        ...

    def recent(self, limit: int) -> tuple[RunSummary, ...]:
        """The last `limit` runs, newest first."""
        ...

    def close(self) -> None:
        """Releases what the store holds; nothing committed is lost."""
        ...


class JournalPlace(Protocol):
    """Where a journal is kept: a value for a child spec, opened by each incarnation of the Journal."""

    @property
    def blocking(self) -> bool:
        """Whether the store waits for a disk and so needs its own thread."""
        ...

    def open(self) -> JournalStore:
        """Opens the store; `JournalError` when it cannot be opened."""
        ...
