"""The usual case of a batch in few statements: many rows by one statement, and each row looked at only if it fails.

Every statement gives Python's lock away and has to get it back from the loop, which does not let go of it readily while
thousands of runs are at work: what a batch costs is the number of its statements more than that of its rows.
The rule stays `rows.write`'s: whatever is not plainly new (a result that is there already, a run that nobody opened, a
known key) fails the statement as a whole, which SQLite takes back, and its rows are then written one at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby

from actors.journal import rows
from actors.journal.errors import JournalError
from actors.journal.preparing import Prepared
from actors.journal.records import (
    FINAL_STATUSES,
    RUNNING,
    CloseRun,
    Ended,
    EndRun,
    OpenRun,
    RecordStep,
    StepRecord,
    WriteReply,
)

#: Rows a statement: few sizes, so that SQLite prepares each once and the driver keeps it.
SIZES = (64, 8, 1)

_STEPS = "INSERT INTO steps (run_id, step, attempt, status, result, at) VALUES "
_RUNS = (
    "INSERT INTO runs (run_id, pipeline_name, definition, definition_hash, inputs, meta, idempotency_key, status,"
    " opened_at) VALUES "
)
_CLOSE = "UPDATE runs SET status = ?, outcome = ?, finished = 1, closed_at = ? WHERE run_id = ? AND finished = 0"

Ready = Prepared | JournalError
Kind = type[OpenRun | RecordStep | CloseRun | EndRun]
Answer = WriteReply | JournalError


def write_all(connection: sqlite3.Connection, batch: Sequence[Ready]) -> list[Answer]:
    """Applies the writes in order inside the open transaction; `sqlite3.Error` means the store failed."""
    answers: list[Answer] = []
    for kind, group in groupby(batch, _kind):
        if kind is None:
            answers += [each for each in group if isinstance(each, JournalError)]
            continue
        for chunk in _chunks([each for each in group if isinstance(each, Prepared)]):
            answers += _write(connection, kind, chunk)
    return answers


def write_alone(connection: sqlite3.Connection, batch: Sequence[Ready]) -> list[Answer] | None:
    """Writes what goes into one statement, which is a transaction by itself: no other is open. None, and nothing was
    written, for everything else: `write_all` has to see to it. `sqlite3.Error` means the store failed."""
    kind = _kind(batch[0]) if len(batch) in SIZES else None
    if kind is None or kind is EndRun or (kind is CloseRun and len(batch) > 1):
        return None
    chunk = [each for each in batch if isinstance(each, Prepared) and type(each.write) is kind and each.large is None]
    if len(chunk) < len(batch):
        return None
    if kind is CloseRun:
        closed = _close_now(connection, chunk[0])
        return None if closed is None else [closed]
    try:
        return [*_record_steps(connection, chunk)] if kind is RecordStep else _open_runs(connection, chunk)
    except sqlite3.IntegrityError:
        return None


def _kind(ready: Ready) -> Kind | None:
    return None if isinstance(ready, JournalError) else type(ready.write)


def _chunks(group: list[Prepared]) -> Iterator[list[Prepared]]:
    start = 0
    for size in SIZES:
        while len(group) - start >= size:
            yield group[start : start + size]
            start += size


def _write(connection: sqlite3.Connection, kind: Kind, chunk: list[Prepared]) -> list[Answer]:
    if kind is EndRun:
        return _end_runs(connection, chunk)
    if any(ready.large is not None for ready in chunk):
        return [rows.write(connection, ready) for ready in chunk]
    if kind is CloseRun:
        return [_close(connection, ready) for ready in chunk]
    try:
        return [*_record_steps(connection, chunk)] if kind is RecordStep else _open_runs(connection, chunk)
    except sqlite3.IntegrityError:
        return [rows.write(connection, ready) for ready in chunk]


def _end_runs(connection: sqlite3.Connection, chunk: list[Prepared]) -> list[Answer]:
    parts = [ready.parts for ready in chunk if ready.parts is not None]
    if any(step.large is not None or end.large is not None for step, end in parts):
        return [rows.write(connection, ready) for ready in chunk]
    try:
        stand = _record_steps(connection, [step for step, _ in parts])
    except sqlite3.IntegrityError:
        return [rows.write(connection, ready) for ready in chunk]
    answers: list[Answer] = []
    for record, (_, end) in zip(stand, parts, strict=True):
        closed = _close(connection, end)
        answers.append(Ended(record, closed) if isinstance(closed, str) else closed)
    return answers


def _record_steps(connection: sqlite3.Connection, chunk: list[Prepared]) -> list[StepRecord]:
    values: list[object] = []
    answers: list[StepRecord] = []
    for ready in chunk:
        step = ready.write
        assert isinstance(step, RecordStep)
        values += (step.run_id, step.step, step.attempt, step.status, ready.texts[0], ready.at)
        answers.append(StepRecord(step.run_id, step.step, step.attempt, step.status, step.result, ready.at))
    connection.execute(_STEPS + ",".join(["(?,?,?,?,?,?)"] * len(chunk)), values)
    return answers


def _open_runs(connection: sqlite3.Connection, chunk: list[Prepared]) -> list[Answer]:
    values: list[object] = []
    answers: list[Answer] = []
    for ready in chunk:
        run = ready.write
        assert isinstance(run, OpenRun)
        definition, inputs, meta = ready.texts
        values += (run.run_id, run.pipeline_name, definition, run.definition_hash, inputs, meta)
        values += (run.idempotency_key, RUNNING, ready.at)
        answers.append((run.run_id, True))
    connection.execute(_RUNS + ",".join(["(?,?,?,?,?,?,?,?,?)"] * len(chunk)), values)
    return answers


def _close(connection: sqlite3.Connection, ready: Prepared) -> Answer:
    closed = _close_now(connection, ready)
    return rows.write(connection, ready) if closed is None else closed


def _close_now(connection: sqlite3.Connection, ready: Prepared) -> str | None:
    """The status of a run that was unfinished until now; None, and nothing was written, for everything else."""
    end = ready.write
    assert isinstance(end, CloseRun)
    if end.status not in FINAL_STATUSES:
        return None
    changed = connection.execute(_CLOSE, (end.status, ready.texts[0], ready.at, end.run_id))
    return end.status if changed.rowcount == 1 else None
