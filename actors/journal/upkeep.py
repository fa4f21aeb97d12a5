"""Operations on whole runs as SQL, each inside the open transaction of its caller."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from actors.journal import rows
from actors.journal.blanking import blanked_meta, blanked_result
from actors.journal.errors import JournalError, changed_meanwhile
from actors.journal.json_text import as_json
from actors.journal.operations import FORMER, BlankRuns, ForgetRuns, ReopenRun, TakeOverRun
from actors.journal.preparing import prepared

_NAMED = "step IN (SELECT value FROM json_each(?))"


def take_over(connection: sqlite3.Connection, order: TakeOverRun, at: float) -> tuple[str, bool]:
    """See `TakeOverRun`. Raises `JournalError`; the caller then rolls back."""
    opened = prepared(order.run, at)
    if isinstance(opened, JournalError):
        raise opened
    answer: Any = rows.write(connection, opened)
    if isinstance(answer, JournalError):
        raise answer
    if answer[1]:
        taken = connection.execute(
            "INSERT INTO steps (run_id, step, attempt, status, result, at, blob, stored)"
            " SELECT ?, step, attempt, status, result, at, blob, stored FROM steps"
            f" WHERE run_id = ? AND {_NAMED} ORDER BY seq",
            (order.run.run_id, order.source, json.dumps(order.steps)),
        )
        if taken.rowcount != len(order.steps):
            raise changed_meanwhile(order.source)
    return answer


def reopen(connection: sqlite3.Connection, order: ReopenRun) -> bool:
    """See `ReopenRun`."""
    opened = connection.execute(
        "UPDATE runs SET status = 'running', finished = 0, closed_at = NULL, outcome = 'null', blob = NULL,"
        " stored = NULL, definition = ?, definition_hash = ?, meta = ?"
        " WHERE run_id = ? AND status = 'failed' AND blanked_at IS NULL",
        (as_json(order.definition), order.definition_hash, as_json(dict(order.meta)), order.run_id),
    )
    if opened.rowcount != 1:
        return False
    connection.execute(
        f"UPDATE steps SET step = ? || step WHERE run_id = ? AND {_NAMED}",
        (f"{FORMER}[{order.round}]/", order.run_id, json.dumps(order.drop)),
    )
    return True


def forget(connection: sqlite3.Connection, order: ForgetRuns) -> int:
    """See `ForgetRuns`. Steps and large values go by the schema's triggers."""
    gone = connection.execute(
        "DELETE FROM runs WHERE seq IN"
        " (SELECT seq FROM runs WHERE finished = 1 AND closed_at < ? ORDER BY closed_at LIMIT ?)",
        (order.before, order.limit),
    )
    return gone.rowcount


def blank(connection: sqlite3.Connection, order: BlankRuns) -> int:
    """See `BlankRuns`."""
    found = connection.execute(
        "SELECT run_id, outcome, meta, stored FROM runs WHERE finished = 1 AND blanked_at IS NULL AND closed_at < ?"
        " ORDER BY closed_at LIMIT ?",
        (order.before, order.limit),
    ).fetchall()
    for run_id, outcome, meta, stored in found:
        steps = connection.execute("SELECT seq, result, stored FROM steps WHERE run_id = ?", (run_id,)).fetchall()
        connection.executemany(
            "UPDATE steps SET result = ?, blob = NULL, stored = NULL WHERE seq = ?",
            [(_blanked(result, note), seq) for seq, result, note in steps],
        )
        connection.execute(
            "UPDATE runs SET definition = '\"\"', inputs = '{}', outcome = ?, meta = ?, blob = NULL, stored = NULL,"
            " blanked_at = ? WHERE run_id = ?",
            (_blanked(outcome, stored), as_json(blanked_meta(json.loads(meta), order.at)), order.at, run_id),
        )
    return len(found)


def _blanked(text: str, note: str | None) -> str:
    """Of a large value only the small fields, which its row has, are looked at."""
    value = json.loads(text)
    if note is not None:
        value = None if value is None else value["fields"]
    return as_json(blanked_result(value))
