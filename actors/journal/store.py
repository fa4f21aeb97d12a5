"""The seam beneath the Journal: where records are kept.

To add a store: a class with `JournalStore`'s methods, a `JournalPlace` that opens it, and a line in
`tests/contracts/test_journal_stores.py`, which holds every store to one suite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from actors.journal.errors import JournalError
from actors.journal.operations import Operation
from actors.journal.records import KeptText, RunRecord, RunSummary, Write, WriteReply


class JournalStore(Protocol):
    """An open store. Used from one thread only: the thread that opened it."""

    def commit(self, writes: Sequence[Write], at: float) -> list[WriteReply | JournalError]:
        """Applies the writes in order in one transaction, stamped `at` (Unix seconds); on return they outlive the
        node, and what else the place promises.

        A write that is refused on its own (unknown run, not JSON, key conflict) has its error in its place
        in the reply and leaves the others alone. When the store itself fails this raises
        `JournalUnavailableError` and none of the writes is kept.
        """
        ...

    def operate(self, operation: Operation, at: float) -> Any:
        """Does this in a transaction of its own and gives what it replies; raises `JournalError`, and then nothing of
        it was done."""
        ...

    def load(self, run_id: str, *, whole: bool = True, under: str = "") -> RunRecord | None:
        """The run with those of its steps whose paths begin with `under`, or None. A large value that cannot be read
        back is a `LostResult`; not `whole`, only the small fields of large values are there."""
        ...

    def kept_text(self, run_id: str, step: str | None, at: int, length: int) -> KeptText | None:
        """`length` bytes, from `at`, of the JSON of a step's result, or (None) of the run's outcome; None when there is
        none. `ResultLostError` when that is not what was written, `JournalUnavailableError` as everywhere."""
        ...

    def unfinished(self) -> tuple[RunRecord, ...]:
        """Every run whose status is not final, oldest first, large values left out."""
        ...

    def run_of_key(self, idempotency_key: str) -> str | None:
        """The id of the run that has this idempotency key, or None."""
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
