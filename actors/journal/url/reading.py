"""Rows to records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Connection, func, select

from actors.journal.errors import damaged, lost
from actors.journal.json_text import from_json
from actors.journal.large import Stored
from actors.journal.lost import name_of, whole_or_lost
from actors.journal.records import KeptText, RunRecord, RunSummary, StepRecord
from actors.journal.url.tables import blobs, runs, steps

_AT_ONCE: Final = 500
_STEP = (steps.c.run_id, steps.c.step, steps.c.attempt, steps.c.status, steps.c.result, steps.c.at, steps.c.stored)


def load_runs(
    connection: Connection, where: ColumnElement[bool], *, whole: bool, under: str = ""
) -> tuple[RunRecord, ...]:
    """The runs that fit, oldest first, with their steps whose paths begin with `under`. Runs of one pipeline share its
    definition."""
    found = connection.execute(select(runs).where(where).order_by(runs.c.seq)).all()
    of_run: dict[str, dict[str, StepRecord]] = {row.run_id: {} for row in found}
    ids = list(of_run)
    for first in range(0, len(ids), _AT_ONCE):
        wanted = select(*_STEP).where(steps.c.run_id.in_(ids[first : first + _AT_ONCE]))
        if under:
            wanted = wanted.where(func.substr(steps.c.step, 1, len(under)) == under)
        for row in connection.execute(wanted.order_by(steps.c.seq)):
            record = _record(connection, row, whole)
            of_run[record.run_id][record.step] = record
    definitions: dict[str, JsonValue] = {}
    return tuple(_run(connection, row, of_run.pop(row.run_id), whole, definitions) for row in found)


def step_record(connection: Connection, run_id: str, step: str) -> StepRecord:
    """The one step that is there."""
    row = connection.execute(select(*_STEP).where(steps.c.run_id == run_id, steps.c.step == step)).one()
    return _record(connection, row, whole=True)


def run_of_key(connection: Connection, idempotency_key: str) -> str | None:
    """The id of the run that has it."""
    return connection.execute(select(runs.c.run_id).where(runs.c.idempotency_key == idempotency_key)).scalar()


def summaries(connection: Connection, limit: int) -> tuple[RunSummary, ...]:
    """The last `limit` runs, newest first."""
    number = select(func.count()).where(steps.c.run_id == runs.c.run_id).scalar_subquery()
    columns = (
        runs.c.run_id,
        runs.c.pipeline_name,
        runs.c.definition_hash,
        runs.c.status,
        runs.c.opened_at,
        runs.c.closed_at,
        number,
    )
    found = connection.execute(select(*columns).order_by(runs.c.seq.desc()).limit(limit))
    return tuple(RunSummary(*row) for row in found)


def kept_text(connection: Connection, run_id: str, step: str | None, at: int, length: int) -> KeptText | None:
    """As `actors.journal.reading.kept_text`. Raises `ResultLostError`."""
    if step is None:
        query = select(runs.c.outcome, runs.c.stored).where(runs.c.run_id == run_id)
    else:
        query = select(steps.c.result, steps.c.stored).where(steps.c.run_id == run_id, steps.c.step == step)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    stored = Stored.of_note(row[1])
    if stored is None:
        text = row[0].encode()
        return KeptText(len(text), hashlib.sha256(text).hexdigest(), text[at : at + length])
    what = name_of(run_id, step)
    if at == 0:
        return KeptText(stored.size_bytes, stored.sha256, body_of(connection, stored, what)[:length])
    part: bytes | None = connection.scalar(
        select(func.substr(blobs.c.body, at + 1, length)).where(blobs.c.sha256 == stored.sha256)
    )
    if part is None:
        raise lost(what, stored.sha256, stored.size_bytes, "is missing from the journal")
    return KeptText(stored.size_bytes, stored.sha256, bytes(part))


def body_of(connection: Connection, stored: Stored, what: str) -> bytes:
    """The JSON of a large value, checked against its hash. Raises `ResultLostError`."""
    body: bytes | None = connection.scalar(select(blobs.c.body).where(blobs.c.sha256 == stored.sha256))
    if body is None:
        raise lost(what, stored.sha256, stored.size_bytes, "is missing from the journal")
    if hashlib.sha256(body).hexdigest() != stored.sha256:
        raise damaged(what, stored.sha256, stored.size_bytes)
    return bytes(body)


def _run(
    connection: Connection, row: Any, found: dict[str, StepRecord], whole: bool, definitions: dict[str, JsonValue]
) -> RunRecord:
    """`definitions` are those read already, by their text."""
    stored = Stored.of_note(row.stored)
    text: str = row.definition
    if text not in definitions:
        definitions[text] = from_json(text)
    return RunRecord(
        run_id=row.run_id,
        pipeline_name=row.pipeline_name,
        definition=definitions[text],
        definition_hash=row.definition_hash,
        inputs=from_json(row.inputs),
        meta=from_json(row.meta),
        status=row.status,
        steps=found,
        outcome=_value(connection, row.outcome, stored, whole, lambda: name_of(row.run_id, None)),
        idempotency_key=row.idempotency_key,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        outcome_stored=stored,
    )


def _record(connection: Connection, row: Any, whole: bool) -> StepRecord:
    """A row of `_STEP`."""
    run_id, step, attempt, status, result, at, note = row
    stored = Stored.of_note(note)
    value = _value(connection, result, stored, whole, lambda: name_of(run_id, step))
    return StepRecord(run_id, step, attempt, status, value, at, stored)


def _value(connection: Connection, text: str, stored: Stored | None, whole: bool, what: Callable[[], str]) -> JsonValue:
    if stored is None:
        return from_json(text)
    if whole:
        return whole_or_lost(lambda: body_of(connection, stored, what()), text)
    known = from_json(text)
    return None if known is None else known["fields"]
