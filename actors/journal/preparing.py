"""Writes made ready for a database: their JSON, and what of it is kept apart. Pure; both kinds of stores use it."""

from __future__ import annotations

from msgspec import Struct

from actors.journal.errors import JournalError, NotJsonError, ResultLostError
from actors.journal.json_text import as_json
from actors.journal.large import LARGE_BYTES, Large, parted
from actors.journal.records import CloseRun, EndRun, OpenRun, RecordStep, Write

MAX_TEXT = 900_000_000
"""SQLite keeps rows of up to 1,000,000,000 bytes; refuse before it does."""


class Prepared(Struct, frozen=True):
    """A write with its JSON made, so that the transaction holds the lock for no longer than SQLite needs."""

    write: Write
    texts: tuple[str, ...]
    at: float
    large: Large | None = None
    parts: tuple[Prepared, Prepared] | None = None
    """Of an `EndRun`: its two writes."""

    @property
    def note(self) -> tuple[str | None, str | None]:
        """What a row says of the value that is kept apart: its hash, and all that is known of it."""
        if self.large is None:
            return None, None
        return self.large.stored.sha256, as_json(self.large.stored.facts())


def prepared(write: Write, at: float, large_bytes: int = LARGE_BYTES) -> Prepared | JournalError:
    """The write ready for a transaction, or the `NotJsonError` that refuses it.

    Whatever SQLite would choke on is refused here, so that one bad record cannot fail its whole batch.
    """
    large: Large | None = None
    if isinstance(write, EndRun):
        return _prepared_end(write, at, large_bytes)
    try:
        match write:
            case RecordStep():
                names = (write.run_id, write.step, write.status)
                texts = (as_json(write.result),)
                large = parted(write.result, texts[0], large_bytes)
            case OpenRun():
                names = (
                    write.run_id,
                    write.pipeline_name,
                    write.definition_hash,
                    write.idempotency_key or "",
                )
                texts = (as_json(write.definition), as_json(dict(write.inputs)), as_json(dict(write.meta)))
            case CloseRun():
                names = (write.run_id, write.status)
                texts = (as_json(write.outcome),)
                large = parted(write.outcome, texts[0], large_bytes)
        for name in names:
            name.encode()
        if sum(map(len, texts)) > MAX_TEXT:
            raise ValueError(f"larger than {MAX_TEXT} bytes; write large results to a file")
    except ResultLostError as lost:
        return lost
    except (TypeError, ValueError, RecursionError) as error:
        return NotJsonError(
            f"a value of run {write.run_id!r} cannot be kept as JSON ({error})",
            fix="return plain JSON values (text, number, true/false, null, list, object) from the step",
        )
    if large is not None:
        texts = (large.summary,)
    return Prepared(write, texts, at, large)


def _prepared_end(write: EndRun, at: float, large_bytes: int) -> Prepared | JournalError:
    step, end = prepared(write.step, at, large_bytes), prepared(write.end, at, large_bytes)
    if isinstance(step, JournalError):
        return step
    return end if isinstance(end, JournalError) else Prepared(write, (), at, parts=(step, end))
