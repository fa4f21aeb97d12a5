"""Records to rows: the SQL of the journal's writes, one at a time."""

from __future__ import annotations

import sqlite3

from actors.journal import blobs, reading
from actors.journal.errors import JournalError, conflict, unknown_run
from actors.journal.json_text import from_json
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
    is_as_given,
    is_same_definition,
)


def write(connection: sqlite3.Connection, ready: Prepared) -> WriteReply | JournalError:
    """Applies one write inside the open transaction; `sqlite3.Error` means the store failed."""
    match ready.write:
        case RecordStep() as step:
            return _record_step(connection, step, ready)
        case OpenRun() as run:
            return _open_run(connection, run, ready)
        case CloseRun() as end:
            return _close_run(connection, end, ready)
        case EndRun() as both:
            return _end_run(connection, both, ready)


def _record_step(connection: sqlite3.Connection, step: RecordStep, ready: Prepared) -> StepRecord | JournalError:
    known = reading.step_of(connection, step.run_id, step.step)
    if known is not None:
        return known
    if _status(connection, step.run_id) is None:
        return unknown_run(step.run_id)
    large = ready.large
    if large is not None:
        blobs.keep(connection, large)
    connection.execute(
        "INSERT INTO steps (run_id, step, attempt, status, result, at, blob, stored) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (step.run_id, step.step, step.attempt, step.status, ready.texts[0], ready.at, *ready.note),
    )
    stored = None if large is None else large.stored
    return StepRecord(step.run_id, step.step, step.attempt, step.status, step.result, ready.at, stored)


def _open_run(connection: sqlite3.Connection, run: OpenRun, ready: Prepared) -> WriteReply | JournalError:
    definition, inputs, meta = ready.texts
    if run.idempotency_key is not None:
        known = connection.execute(
            "SELECT run_id, definition_hash, inputs, meta FROM runs WHERE idempotency_key = ?",
            (run.idempotency_key,),
        ).fetchone()
        if known is not None:
            same = is_same_definition(run, known[1], from_json(known[3]))
            if not same or from_json(known[2]) != from_json(inputs):
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


def _close_run(connection: sqlite3.Connection, end: CloseRun, ready: Prepared) -> str | JournalError:
    status = _status(connection, end.run_id)
    if status is None:
        return unknown_run(end.run_id)
    if status in FINAL_STATUSES:
        return status
    final = end.status in FINAL_STATUSES
    if ready.large is not None:
        blobs.keep(connection, ready.large)
    connection.execute(
        "UPDATE runs SET status = ?, outcome = ?, finished = ?, closed_at = ?, blob = ?, stored = ? WHERE run_id = ?",
        (end.status, ready.texts[0], int(final), ready.at if final else None, *ready.note, end.run_id),
    )
    return end.status


def _end_run(connection: sqlite3.Connection, both: EndRun, ready: Prepared) -> WriteReply | JournalError:
    assert ready.parts is not None
    step, end = ready.parts
    stands = _record_step(connection, both.step, step)
    if isinstance(stands, JournalError):
        return stands
    if not is_as_given(stands, both.step):
        return Ended(stands, None)
    closed = _close_run(connection, both.end, end)
    return closed if isinstance(closed, JournalError) else Ended(stands, closed)


def _status(connection: sqlite3.Connection, run_id: str) -> str | None:
    row = connection.execute("SELECT status FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else row[0]
