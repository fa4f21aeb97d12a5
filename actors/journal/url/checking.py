"""`fsck` of a journal that a URL names. What PostgreSQL keeps sound by itself (pages, indexes) is its own tools' to
check (`pg_amcheck`); here it is what evopipe means by the rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from actors.journal.checking import Finding, Judge
from actors.journal.errors import JournalError
from actors.journal.records import FINAL_STATUSES
from actors.journal.url.failures import explain
from actors.journal.url.migrations import MIGRATIONS, version_of
from actors.journal.url.reading import load_runs
from actors.journal.url.store import engine_for
from actors.journal.url.tables import blobs, runs, steps

_RESTORE: Final = "restore the database from a backup"
_AT_ONCE: Final = 200


def check(url: str, shown: str, judge: Judge) -> Iterator[Finding]:
    """See `check_url`. Takes no lock, so that a node may be at work."""
    try:
        engine, _ = engine_for(url)
        with engine.connect() as connection:
            version = version_of(connection, shown)
            if version < len(MIGRATIONS):
                problem = f"it has schema version {version} of {len(MIGRATIONS)}; its records were not looked at"
                yield Finding("warning", shown, problem, "start the node once: it brings the schema up to date")
                return
            options: dict[str, Any] = {"isolation_level": "REPEATABLE READ"} if url.startswith("postgresql") else {}
            snapshot = connection.execution_options(**options)
            with snapshot.begin():
                for part in (_json, _blobs, _statuses):
                    yield from part(snapshot, shown)
                for run_id in snapshot.scalars(select(runs.c.run_id).where(runs.c.finished == 0)).all():
                    try:
                        (record,) = load_runs(snapshot, runs.c.run_id == run_id, whole=False)
                    except ValueError:
                        continue  # what of it is no JSON has been told already
                    problem = judge(record)
                    if problem is not None:
                        fix = f"then `evopipe resume {record.run_id} --definition FILE`, or submit it again"
                        yield Finding("warning", f"{shown}: run {record.run_id}", problem, fix)
    except SQLAlchemyError as error:
        told = explain(error, shown)
        yield Finding("error", shown, told.reason, told.fix)
    except JournalError as error:
        yield Finding("error", shown, error.reason, error.fix)


def _json(connection: Connection, shown: str) -> Iterator[Finding]:
    of_runs = select(runs.c.run_id, runs.c.definition, runs.c.inputs, runs.c.meta, runs.c.outcome, runs.c.stored)
    for run_id, *texts in connection.execute(of_runs.execution_options(yield_per=_AT_ONCE)):
        if not all(map(_is_json, texts)):
            yield Finding("error", f"{shown}: run {run_id}", "its row is not what was written (no JSON)", _RESTORE)
    of_steps = select(steps.c.run_id, steps.c.step, steps.c.result, steps.c.stored)
    for run_id, step, *texts in connection.execute(of_steps.execution_options(yield_per=_AT_ONCE)):
        if not all(map(_is_json, texts)):
            place = f"{shown}: run {run_id}, step {step}"
            yield Finding("error", place, "its result is not what was written (no JSON)", _RESTORE)


def _blobs(connection: Connection, shown: str) -> Iterator[Finding]:
    kept = set(connection.scalars(select(blobs.c.sha256)))
    for sha256 in kept:
        body: bytes | None = connection.scalar(select(blobs.c.body).where(blobs.c.sha256 == sha256))
        if body is None or hashlib.sha256(body).hexdigest() != sha256:
            yield Finding(
                "error", f"{shown}: value {sha256[:12]}", "this large value is not what was written", _RESTORE
            )
    used: set[str] = set()
    for run_id, step, blob in connection.execute(
        select(steps.c.run_id, steps.c.step, steps.c.blob).where(steps.c.blob.is_not(None))
    ):
        used.add(blob)
        if blob not in kept:
            yield Finding("error", f"{shown}: run {run_id}", f"the result of step {step} is missing", _RESTORE)
    for run_id, blob in connection.execute(select(runs.c.run_id, runs.c.blob).where(runs.c.blob.is_not(None))):
        used.add(blob)
        if blob not in kept:
            yield Finding("error", f"{shown}: run {run_id}", "its outcome is missing", _RESTORE)
    if kept - used:
        problem = f"{len(kept - used)} large values belong to no run"
        yield Finding("warning", shown, problem, "nothing is lost; they only take room")


def _statuses(connection: Connection, shown: str) -> Iterator[Finding]:
    final = runs.c.status.in_(sorted(FINAL_STATUSES))
    wrong = select(func.count()).where((final & (runs.c.finished == 0)) | (~final & (runs.c.finished == 1)))
    number = connection.scalar(wrong.select_from(runs)) or 0
    if number:
        problem = f"{number} runs are marked as ended and have no final status, or the other way round"
        yield Finding("error", shown, problem, _RESTORE)


def _is_json(value: Any) -> bool:
    try:
        if value is not None:
            json.loads(value)
    except (ValueError, TypeError, RecursionError):
        return False
    return True
