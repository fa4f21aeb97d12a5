"""Looks through a whole journal and says what is wrong in it, where, and what to do. Reads only; a node may use the
file meanwhile. Blocking code.

What cannot be read any further is one more finding, never an exception.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from actors.journal.reading import runs
from actors.journal.records import FINAL_STATUSES, RunRecord
from actors.journal.schema import MIGRATIONS

MOST_OF_A_KIND: Final = 100
_RESTORE: Final = "restore the journal from a backup (`evopipe restore FILE`)"
_RECOVER: Final = f"{_RESTORE}, or rescue what is readable with 'sqlite3 FILE .recover'"
_PIECE: Final = 1 << 20

Judge = Callable[[RunRecord], str | None]
"""Says why an unfinished run could not go on; None when it could."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. An "error" loses or hides something, a "warning" does not."""

    level: Literal["error", "warning"]
    place: str
    problem: str
    fix: str


def check_file(path: Path, judge: Judge) -> Iterator[Finding]:
    """Everything that is wrong in the journal at `path`."""
    try:
        connection = open_to_read(path)
    except sqlite3.Error as error:
        yield Finding("error", str(path), f"the journal cannot be opened ({error})", _RECOVER)
        return
    try:
        connection.execute("BEGIN")  # everything is looked at as of one moment
        sound = True
        for finding in check_pages(connection, str(path)):
            sound = False
            yield finding
        version = yield from _version(connection, str(path))
        if version is None:
            return
        for check in (_json_of_runs, _json_of_steps, _blobs, _statuses):
            yield from _guarded(check, connection, str(path))
        if sound:
            yield from _guarded(lambda c, p: _unfinished(c, p, judge), connection, str(path))
    finally:
        connection.close()


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def check_pages(connection: sqlite3.Connection, place: str) -> Iterator[Finding]:
    """What SQLite itself finds: pages, indexes, constraints, references."""
    try:
        for (said,) in connection.execute(f"PRAGMA integrity_check({MOST_OF_A_KIND})"):
            if said != "ok":
                yield Finding("error", place, f"the database is damaged: {' '.join(str(said).split())}", _RECOVER)
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchmany(MOST_OF_A_KIND):
            problem = f"row {row} of {table} names a row of {parent} that is not there"
            yield Finding("error", place, problem, _RESTORE)
    except sqlite3.Error as error:
        yield Finding("error", place, f"the database cannot be read through ({error})", _RECOVER)


def _guarded(
    check: Callable[[sqlite3.Connection, str], Iterator[Finding]], connection: sqlite3.Connection, place: str
) -> Iterator[Finding]:
    try:
        yield from check(connection, place)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        yield Finding("error", place, f"its records cannot be read through ({error})", _RECOVER)


def _version(connection: sqlite3.Connection, place: str) -> Generator[Finding, None, int | None]:
    """The schema's version, or None (with a finding) when it is none that this evopipe knows."""
    known = len(MIGRATIONS)
    try:
        version = connection.execute("SELECT max(version) FROM schema_version").fetchone()[0]
    except sqlite3.Error as error:
        yield Finding("error", place, f"it is not a journal of evopipe ({error})", _RESTORE)
        return None
    if version is None or not 1 <= version <= known:
        problem = f"it has schema version {version}, this evopipe knows 1 to {known}"
        yield Finding("error", place, problem, "use the evopipe that wrote it, or restore a backup")
        return None
    if version < known:
        problem = f"it has schema version {version} of {known}; its records were not looked at"
        yield Finding("warning", place, problem, "start the node once (`evopipe up`): it brings the schema up to date")
        return None
    return version


def _json_of_runs(connection: sqlite3.Connection, place: str) -> Iterator[Finding]:
    columns = ("definition", "inputs", "meta", "outcome", "stored")
    for run_id, *texts in connection.execute(f"SELECT run_id, {', '.join(columns)} FROM runs ORDER BY seq"):
        for column, text in zip(columns, texts, strict=True):
            problem = _json_problem(text)
            if problem is not None:
                fix = f"{_RESTORE}; without it `evopipe` cannot show or resume this run"
                yield Finding(
                    "error", f"{place}: run {run_id}", f"its {column} is not what was written ({problem})", fix
                )


def _json_of_steps(connection: sqlite3.Connection, place: str) -> Iterator[Finding]:
    for run_id, step, result, stored in connection.execute(
        "SELECT run_id, step, result, stored FROM steps ORDER BY seq"
    ):
        problem = _json_problem(result) or _json_problem(stored)
        if problem is not None:
            what = f"its result is not what was written ({problem})"
            yield Finding("error", f"{place}: run {run_id}, step {step}", what, _RESTORE)


def _blobs(connection: sqlite3.Connection, place: str) -> Iterator[Finding]:
    for seq, sha256 in connection.execute("SELECT seq, sha256 FROM blobs").fetchall():
        where = f"{place}: value {sha256[:12]}"
        try:
            found = _hash_of(connection, seq)
        except sqlite3.Error as error:
            yield Finding("error", where, f"this large value cannot be read ({error})", _RESTORE)
            continue
        if found != sha256:
            yield Finding(
                "error", where, f"this large value is not what was written {_users(connection, sha256)}", _RESTORE
            )
    missing = (
        "SELECT run_id, step, blob FROM steps WHERE blob IS NOT NULL AND blob NOT IN (SELECT sha256 FROM blobs)"
        " UNION ALL SELECT run_id, NULL, blob FROM runs WHERE blob IS NOT NULL"
        " AND blob NOT IN (SELECT sha256 FROM blobs)"
    )
    for run_id, step, sha256 in connection.execute(missing):
        what = f"the result of step {step}" if step is not None else "its outcome"
        yield Finding("error", f"{place}: run {run_id}", f"{what} ({sha256[:12]}) is missing", _RESTORE)
    orphans, size = connection.execute(
        "SELECT count(*), coalesce(sum(length(body)), 0) FROM blobs WHERE sha256 NOT IN"
        " (SELECT blob FROM steps WHERE blob IS NOT NULL UNION SELECT blob FROM runs WHERE blob IS NOT NULL)"
    ).fetchone()
    if orphans:
        problem = f"{orphans} large values ({size} bytes) belong to no run"
        yield Finding("warning", place, problem, "nothing is lost; they only take room")


def _statuses(connection: sqlite3.Connection, place: str) -> Iterator[Finding]:
    final = ", ".join(f"'{status}'" for status in sorted(FINAL_STATUSES))
    wrong = f"SELECT run_id, status, finished FROM runs WHERE finished <> (status IN ({final}))"
    for run_id, status, finished in connection.execute(wrong):
        said = "ended" if finished else "not ended"
        problem = f"its status is {status!r}, but it is marked as {said}"
        yield Finding("error", f"{place}: run {run_id}", problem, _RESTORE)


def _unfinished(connection: sqlite3.Connection, place: str, judge: Judge) -> Iterator[Finding]:
    for (run_id,) in connection.execute("SELECT run_id FROM runs WHERE finished = 0 ORDER BY seq").fetchall():
        try:
            (record,) = runs(connection, "run_id = ?", (run_id,), whole=False)
        except ValueError:
            continue  # what of it is no JSON has been told already
        problem = judge(record)
        if problem is not None:
            fix = (
                f"at its next start the node refuses it; then `evopipe resume {record.run_id} --definition FILE` (or "
                "--accept-definition), or submit it again"
            )
            yield Finding("warning", f"{place}: run {record.run_id}", problem, fix)


def _json_problem(text: Any) -> str | None:
    try:
        if text is not None:
            json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        return str(error)
    return None


def _hash_of(connection: sqlite3.Connection, seq: int) -> str:
    found = hashlib.sha256()
    with connection.blobopen("blobs", "body", seq, readonly=True) as body:
        while piece := body.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def _users(connection: sqlite3.Connection, sha256: str) -> str:
    row = connection.execute(
        "SELECT run_id, step FROM steps WHERE blob = ? UNION ALL SELECT run_id, 'its outcome' FROM runs WHERE blob = ?"
        " LIMIT 1",
        (sha256, sha256),
    ).fetchone()
    return "(nobody needs it)" if row is None else f"(run {row[0]}, {row[1]})"
