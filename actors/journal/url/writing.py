"""Writes to rows: the same rules as `actors.journal.rows`, in statements that PostgreSQL takes many rows by."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from actors.journal.errors import JournalError, NotJsonError, conflict, unknown_run
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
from actors.journal.url import reading
from actors.journal.url.tables import blobs, runs, steps

Answer = WriteReply | JournalError
Count = Callable[[], int]
"""The next `seq`."""


def write_all(connection: Connection, batch: Sequence[Prepared | JournalError], count: Count) -> list[Answer]:
    """Applies the writes in order inside the open transaction; `SQLAlchemyError` means the store failed."""
    answers: list[Answer] = []
    for kind, group in groupby(map(_without_nul, batch), _kind):
        if kind is None:
            answers += [each for each in group if isinstance(each, JournalError)]
            continue
        chunk = [each for each in group if isinstance(each, Prepared)]
        if kind is RecordStep:
            answers += record_steps(connection, chunk, count)
        elif kind is OpenRun:
            answers += open_runs(connection, chunk, count)
        elif kind is EndRun:
            answers += end_runs(connection, chunk, count)
        else:
            answers += [_close(connection, ready) for ready in chunk]
    return answers


def record_steps(connection: Connection, chunk: Sequence[Prepared], count: Count) -> list[Answer]:
    """Of two results for one (run, step) the first one stands."""
    asked = [_step_of(ready) for ready in chunk]
    known = _known_runs(connection, {step.run_id for step in asked})
    rows: list[dict[str, Any]] = []
    for step, ready in zip(asked, chunk, strict=True):
        if step.run_id in known:
            if ready.large is not None:
                keep_blob(connection, ready.large.stored.sha256, ready.large.body)
            blob, stored = ready.note
            rows.append(
                {
                    "seq": count(),
                    "run_id": step.run_id,
                    "step": step.step,
                    "attempt": step.attempt,
                    "status": step.status,
                    "result": ready.texts[0],
                    "at": ready.at,
                    "blob": blob,
                    "stored": stored,
                }
            )
    new = _insert_new(connection, steps, rows, ("run_id", "step"))
    answers: list[Answer] = []
    for step, ready in zip(asked, chunk, strict=True):
        if step.run_id not in known:
            answers.append(unknown_run(step.run_id))
        elif (step.run_id, step.step) in new:
            new.discard((step.run_id, step.step))
            stored = None if ready.large is None else ready.large.stored
            answers.append(StepRecord(step.run_id, step.step, step.attempt, step.status, step.result, ready.at, stored))
        else:
            answers.append(reading.step_record(connection, step.run_id, step.step))
    return answers


def open_runs(connection: Connection, chunk: Sequence[Prepared], count: Count) -> list[Answer]:
    """See `OpenRun`."""
    rows: list[dict[str, Any]] = []
    for ready in chunk:
        run = _run_of(ready)
        definition, inputs, meta = ready.texts
        rows.append(
            {
                "seq": count(),
                "run_id": run.run_id,
                "pipeline_name": run.pipeline_name,
                "definition": definition,
                "definition_hash": run.definition_hash,
                "inputs": inputs,
                "meta": meta,
                "idempotency_key": run.idempotency_key,
                "status": RUNNING,
                "finished": 0,
                "outcome": "null",
                "opened_at": ready.at,
            }
        )
    new = _insert_new(connection, runs, rows, ("run_id",))
    answers: list[Answer] = []
    for ready in chunk:
        run = _run_of(ready)
        if (run.run_id,) in new:
            new.discard((run.run_id,))
            answers.append((run.run_id, True))
        else:
            answers.append(_known(connection, run, ready.texts[1]))
    return answers


def end_runs(connection: Connection, chunk: Sequence[Prepared], count: Count) -> list[Answer]:
    """See `EndRun`."""
    parts = [ready.parts for ready in chunk if ready.parts is not None]
    answers: list[Answer] = []
    for stands, (step, end) in zip(record_steps(connection, [step for step, _ in parts], count), parts, strict=True):
        if not isinstance(stands, StepRecord):
            answers.append(stands)
        elif not is_as_given(stands, _step_of(step)):
            answers.append(Ended(stands, None))
        else:
            closed = _close(connection, end)
            answers.append(Ended(stands, closed) if isinstance(closed, str) else closed)
    return answers


def keep_blob(connection: Connection, sha256: str, body: bytes) -> None:
    """Keeps a large value. One that is there already is written again: it may be damaged."""
    statement = _insert(connection)(blobs)
    statement = statement.on_conflict_do_update(index_elements=["sha256"], set_={"body": statement.excluded.body})
    connection.execute(statement, {"sha256": sha256, "body": body})


def _known(connection: Connection, run: OpenRun, inputs: str) -> Answer:
    if run.idempotency_key is not None:
        row = connection.execute(
            select(runs.c.run_id, runs.c.definition_hash, runs.c.inputs, runs.c.meta).where(
                runs.c.idempotency_key == run.idempotency_key
            )
        ).one_or_none()
        if row is not None:
            same = is_same_definition(run, row.definition_hash, json.loads(row.meta))
            if not same or json.loads(row.inputs) != json.loads(inputs):
                return conflict(run.idempotency_key, row.run_id)
            return row.run_id, False
    return run.run_id, False


def _close(connection: Connection, ready: Prepared) -> Answer:
    end = ready.write
    assert isinstance(end, CloseRun)
    status: str | None = connection.scalar(select(runs.c.status).where(runs.c.run_id == end.run_id))
    if status is None:
        return unknown_run(end.run_id)
    if status in FINAL_STATUSES:
        return status
    final = end.status in FINAL_STATUSES
    if ready.large is not None:
        keep_blob(connection, ready.large.stored.sha256, ready.large.body)
    blob, stored = ready.note
    connection.execute(
        update(runs).where(runs.c.run_id == end.run_id),
        {
            "status": end.status,
            "outcome": ready.texts[0],
            "finished": int(final),
            "closed_at": ready.at if final else None,
            "blob": blob,
            "stored": stored,
        },
    )
    return end.status


def _insert_new(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], key: tuple[str, ...]
) -> set[tuple[Any, ...]]:
    """Inserts the rows that are not there yet; the keys of those that were new."""
    if not rows:
        return set()
    statement = _insert(connection)(table).on_conflict_do_nothing().returning(*(table.c[name] for name in key))
    return {tuple(row) for row in connection.execute(statement, list(rows))}


def _insert(connection: Connection) -> Any:
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _known_runs(connection: Connection, run_ids: Iterable[str]) -> set[str]:
    return set(connection.scalars(select(runs.c.run_id).where(runs.c.run_id.in_(list(run_ids)))))


def _without_nul(ready: Prepared | JournalError) -> Prepared | JournalError:
    """PostgreSQL's text has no NUL. In values JSON escapes it; in names it would fail the whole batch."""
    if isinstance(ready, JournalError):
        return ready
    write = ready.write
    match write:
        case RecordStep():
            names = (write.run_id, write.step, write.status)
        case OpenRun():
            names = (write.run_id, write.pipeline_name, write.definition_hash, write.idempotency_key or "")
        case CloseRun():
            names = (write.run_id, write.status)
        case EndRun(step, end):
            names = (step.run_id, step.step, step.status, end.status)
    if any("\0" in name for name in names):
        return NotJsonError(f"a name in run {write.run_id!r} holds a NUL character", fix="name it without")
    return ready


def _kind(ready: Prepared | JournalError) -> type[OpenRun | RecordStep | CloseRun | EndRun] | None:
    return None if isinstance(ready, JournalError) else type(ready.write)


def _step_of(ready: Prepared) -> RecordStep:
    assert isinstance(ready.write, RecordStep)
    return ready.write


def _run_of(ready: Prepared) -> OpenRun:
    assert isinstance(ready.write, OpenRun)
    return ready.write
