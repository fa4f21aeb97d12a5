"""What the journal's database has: the SQL of its questions."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from pydantic import JsonValue

from actors.journal import blobs
from actors.journal.json_text import from_json
from actors.journal.large import Stored
from actors.journal.lost import name_of
from actors.journal.records import KeptText, RunRecord, RunSummary, StepRecord

_RUN = (
    "run_id, pipeline_name, definition, definition_hash, inputs, meta, status, outcome, idempotency_key, opened_at,"
    " closed_at, stored"
)
_STEP = "step, attempt, steps.status, result, at, steps.stored"


def runs(
    connection: sqlite3.Connection, where: str, values: tuple[Any, ...], *, whole: bool = True, under: str = ""
) -> tuple[RunRecord, ...]:
    """The runs that fit `where` (SQL of ours, never text from outside), oldest first, with their steps whose paths
    begin with `under`. Not `whole`: of large values only the small fields."""
    found = connection.execute(f"SELECT {_RUN} FROM runs WHERE {where} ORDER BY seq", values).fetchall()
    return tuple(_run(connection, row, _steps(connection, row[0], whole, under), whole) for row in found)


def unfinished(connection: sqlite3.Connection) -> tuple[RunRecord, ...]:
    """The runs that have not ended, oldest first, with their steps; of large values only the small fields.

    Thousands at a start: their steps come in one query, and runs of one pipeline share its definition.
    """
    found = connection.execute(f"SELECT {_RUN} FROM runs WHERE finished = 0 ORDER BY seq").fetchall()
    # By the index of the unfinished: all steps of a run come together, in the order of their names.
    steps = connection.execute(
        f"SELECT steps.run_id, steps.seq, {_STEP} FROM runs CROSS JOIN steps ON steps.run_id = runs.run_id"
        " WHERE finished = 0"
    )
    recorded: dict[str, list[tuple[int, StepRecord]]] = {}
    for row in steps:
        record = _step_record(connection, row[0], row[2:], whole=False)
        recorded.setdefault(row[0], []).append((row[1], record))
    definitions: dict[str, JsonValue] = {}
    runs: list[RunRecord] = []
    for row in found:
        in_order = sorted(recorded.pop(row[0], ()), key=itemgetter(0))
        runs.append(_run(connection, row, {step.step: step for _, step in in_order}, False, definitions))
    return tuple(runs)


def step_of(connection: sqlite3.Connection, run_id: str, step: str) -> StepRecord | None:
    """The record of one step."""
    query = f"SELECT {_STEP} FROM steps WHERE run_id = ? AND step = ?"
    row = connection.execute(query, (run_id, step)).fetchone()
    return None if row is None else _step_record(connection, run_id, row)


def run_of_key(connection: sqlite3.Connection, idempotency_key: str) -> str | None:
    """The id of the run that has it."""
    found = connection.execute("SELECT run_id FROM runs WHERE idempotency_key = ?", (idempotency_key,)).fetchone()
    return None if found is None else str(found[0])


def summaries(connection: sqlite3.Connection, limit: int) -> tuple[RunSummary, ...]:
    """The last `limit` runs, newest first."""
    found = connection.execute(
        "SELECT run_id, pipeline_name, definition_hash, status, opened_at, closed_at,"
        " (SELECT count(*) FROM steps WHERE steps.run_id = runs.run_id)"
        " FROM runs ORDER BY seq DESC LIMIT ?",
        (limit,),
    )
    return tuple(RunSummary(*row) for row in found)


def kept_text(connection: sqlite3.Connection, run_id: str, step: str | None, at: int, length: int) -> KeptText | None:
    """`length` bytes from `at` of a step's result as JSON, or (None) of the run's outcome; None when there is none.

    The part at 0 comes only if the whole is what was written. Raises `ResultLostError`.
    """
    where = "run_id = ?" if step is None else "run_id = ? AND step = ?"
    column, table = ("outcome", "runs") if step is None else ("result", "steps")
    values = (run_id,) if step is None else (run_id, step)
    row = connection.execute(f"SELECT {column}, stored FROM {table} WHERE {where}", values).fetchone()
    if row is None:
        return None
    stored = Stored.of_note(row[1])
    if stored is None:
        text = row[0].encode()
        return KeptText(len(text), hashlib.sha256(text).hexdigest(), text[at : at + length])
    what = name_of(run_id, step)
    return KeptText(stored.size_bytes, stored.sha256, blobs.part(connection, stored, at, length, what))


def _run(
    connection: sqlite3.Connection,
    row: Sequence[Any],
    steps: dict[str, StepRecord],
    whole: bool,
    definitions: dict[str, JsonValue] | None = None,
) -> RunRecord:
    """A row of `_RUN`. `definitions` are those read already, by their text, for runs that share one."""
    run_id, pipeline_name, text, definition_hash, inputs, meta, status, outcome, key, opened_at, closed_at, note = row
    stored = Stored.of_note(note)
    known = {} if definitions is None else definitions
    if text not in known:
        known[text] = from_json(text)
    return RunRecord(
        run_id=run_id,
        pipeline_name=pipeline_name,
        definition=known[text],
        definition_hash=definition_hash,
        inputs=from_json(inputs),
        meta=from_json(meta),
        status=status,
        steps=steps,
        outcome=_value(connection, outcome, stored, whole, lambda: name_of(run_id, None)),
        idempotency_key=key,
        opened_at=opened_at,
        closed_at=closed_at,
        outcome_stored=stored,
    )


def _steps(connection: sqlite3.Connection, run_id: str, whole: bool, under: str) -> dict[str, StepRecord]:
    found = connection.execute(
        f"SELECT {_STEP} FROM steps WHERE run_id = ? AND substr(step, 1, ?) = ? ORDER BY seq",
        (run_id, len(under), under),
    )
    return {row[0]: _step_record(connection, run_id, row, whole) for row in found.fetchall()}


def _step_record(connection: sqlite3.Connection, run_id: str, row: Sequence[Any], whole: bool = True) -> StepRecord:
    step, attempt, status, result, at, note = row
    stored = Stored.of_note(note)
    value = _value(connection, result, stored, whole, lambda: name_of(run_id, step))
    return StepRecord(run_id, step, attempt, status, value, at, stored)


def _value(
    connection: sqlite3.Connection, text: str, stored: Stored | None, whole: bool, what: Callable[[], str]
) -> JsonValue:
    if stored is None:
        return from_json(text)
    if whole:
        return blobs.value(connection, stored, text, what())
    known = from_json(text)
    return None if known is None else known["fields"]
