"""Records to rows and back: the SQL of the journal.

JSON text is kept ASCII-escaped so that any text a model returns, lone surrogates included, comes back as it
was.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from actors.journal.errors import JournalError, NotJsonError, conflict, unknown_run
from actors.journal.records import (
    FINAL_STATUSES,
    RUNNING,
    CloseRun,
    OpenRun,
    RecordStep,
    RunRecord,
    RunSummary,
    StepRecord,
    Write,
    WriteReply,
)

MAX_TEXT = 900_000_000
"""SQLite keeps rows of up to 1,000,000,000 bytes; refuse before it does."""

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A write with its JSON made, so that the transaction holds the lock for no longer than SQLite needs."""

    write: Write
    texts: tuple[str, ...]
    at: float


def prepared(write: Write, at: float) -> Prepared | JournalError:
    """The write ready for a transaction, or the `NotJsonError` that refuses it.

    Whatever SQLite would choke on is refused here, so that one bad record cannot fail its whole batch.
    """
    try:
        match write:
            case RecordStep():
                names = (write.run_id, write.step, write.status)
                texts = (_json(write.result),)
            case OpenRun():
                names = (
                    write.run_id,
                    write.pipeline_name,
                    write.definition_hash,
                    write.idempotency_key or "",
                )
                texts = (_json(write.definition), _json(dict(write.inputs)), _json(dict(write.meta)))
            case CloseRun():
                names = (write.run_id, write.status)
                texts = (_json(write.outcome),)
        for name in names:
            name.encode()
        if sum(map(len, texts)) > MAX_TEXT:
            raise ValueError(f"larger than {MAX_TEXT} bytes; write large results to a file")
    except (TypeError, ValueError, RecursionError) as error:
        return NotJsonError(
            f"a value of run {write.run_id!r} cannot be kept as JSON ({error})",
            fix="return plain JSON values (text, number, true/false, null, list, object) from the step",
        )
    return Prepared(write, texts, at)


def write(connection: sqlite3.Connection, ready: Prepared) -> WriteReply | JournalError:
    """Applies one write inside the open transaction; `sqlite3.Error` means the store failed."""
    match ready.write:
        case RecordStep() as step:
            return _record_step(connection, step, ready)
        case OpenRun() as run:
            return _open_run(connection, run, ready)
        case CloseRun() as end:
            return _close_run(connection, end, ready)


def runs(connection: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> tuple[RunRecord, ...]:
    """The runs that fit `where` (SQL of ours, never text from outside), oldest first, with their steps."""
    found = connection.execute(
        "SELECT run_id, pipeline_name, definition, definition_hash, inputs, meta, status, outcome,"
        f" idempotency_key, opened_at, closed_at FROM runs WHERE {where} ORDER BY seq",
        values,
    ).fetchall()
    return tuple(
        RunRecord(
            run_id=row[0],
            pipeline_name=row[1],
            definition=json.loads(row[2]),
            definition_hash=row[3],
            inputs=json.loads(row[4]),
            meta=json.loads(row[5]),
            status=row[6],
            steps=_steps(connection, row[0]),
            outcome=json.loads(row[7]),
            idempotency_key=row[8],
            opened_at=row[9],
            closed_at=row[10],
        )
        for row in found
    )


def summaries(connection: sqlite3.Connection, limit: int) -> tuple[RunSummary, ...]:
    """The last `limit` runs, newest first."""
    found = connection.execute(
        "SELECT run_id, pipeline_name, definition_hash, status, opened_at, closed_at,"
        " (SELECT count(*) FROM steps WHERE steps.run_id = runs.run_id)"
        " FROM runs ORDER BY seq DESC LIMIT ?",
        (limit,),
    )
    return tuple(RunSummary(*row) for row in found)


def _steps(connection: sqlite3.Connection, run_id: str) -> dict[str, StepRecord]:
    found = connection.execute(
        "SELECT step, attempt, status, result, at FROM steps WHERE run_id = ? ORDER BY seq", (run_id,)
    )
    return {row[0]: StepRecord(run_id, row[0], row[1], row[2], json.loads(row[3]), row[4]) for row in found}


def _record_step(connection: sqlite3.Connection, step: RecordStep, ready: Prepared) -> WriteReply | JournalError:
    known = connection.execute(
        "SELECT attempt, status, result, at FROM steps WHERE run_id = ? AND step = ?",
        (step.run_id, step.step),
    ).fetchone()
    if known is not None:
        return StepRecord(step.run_id, step.step, known[0], known[1], json.loads(known[2]), known[3])
    if _status(connection, step.run_id) is None:
        return unknown_run(step.run_id)
    connection.execute(
        "INSERT INTO steps (run_id, step, attempt, status, result, at) VALUES (?, ?, ?, ?, ?, ?)",
        (step.run_id, step.step, step.attempt, step.status, ready.texts[0], ready.at),
    )
    return StepRecord(step.run_id, step.step, step.attempt, step.status, step.result, ready.at)


def _open_run(connection: sqlite3.Connection, run: OpenRun, ready: Prepared) -> WriteReply | JournalError:
    definition, inputs, meta = ready.texts
    if run.idempotency_key is not None:
        known = connection.execute(
            "SELECT run_id, definition_hash, inputs FROM runs WHERE idempotency_key = ?",
            (run.idempotency_key,),
        ).fetchone()
        if known is not None:
            if known[1] != run.definition_hash or json.loads(known[2]) != json.loads(inputs):
                return conflict(run.idempotency_key, known[0])
            return known[0], False
    if _status(connection, run.run_id) is not None:
        return run.run_id, False
    connection.execute(
        "INSERT INTO runs (run_id, pipeline_name, definition, definition_hash, inputs, meta,"
        " idempotency_key, status, opened_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run.run_id,
            run.pipeline_name,
            definition,
            run.definition_hash,
            inputs,
            meta,
            run.idempotency_key,
            RUNNING,
            ready.at,
        ),
    )
    return run.run_id, True


def _close_run(connection: sqlite3.Connection, end: CloseRun, ready: Prepared) -> WriteReply | JournalError:
    status = _status(connection, end.run_id)
    if status is None:
        return unknown_run(end.run_id)
    if status in FINAL_STATUSES:
        return status
    final = end.status in FINAL_STATUSES
    connection.execute(
        "UPDATE runs SET status = ?, outcome = ?, finished = ?, closed_at = ? WHERE run_id = ?",
        (end.status, ready.texts[0], int(final), ready.at if final else None, end.run_id),
    )
    return end.status


def _status(connection: sqlite3.Connection, run_id: str) -> str | None:
    row = connection.execute("SELECT status FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else row[0]


def _json(value: JsonValue) -> str:
    return _ENCODER.encode(value)
