"""Looks through the file of sessions and says what is wrong in it. Reads only; a node may use it. Blocking code."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from actors.sessions.store import VERSION

_MOST = 100


def flaws_of_sessions(connection: sqlite3.Connection) -> Iterator[str]:
    """What the rows say that no desk wrote, at most 100 a kind. Raises `sqlite3.Error` for what cannot be read."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        yield f"it has schema version {version}, this evopipe knows {VERSION}"
        return
    told = 0
    for session, number, result in connection.execute("SELECT session, number, result FROM turn"):
        if not _is_map(result):
            told += 1
            yield f"session {session!r}, turn {number}: its result is not what was written"
            if told >= _MOST:
                break
    wrong = (
        "SELECT name, turns, max(number) FROM session LEFT JOIN turn ON session = name GROUP BY name"
        " HAVING turns < 1 OR max(number) IS NOT turns LIMIT ?"
    )
    for name, turns, last in connection.execute(wrong, (_MOST,)):
        yield f"session {name!r} counts {turns} turns, but its last one is {last or 'missing'}"


def _is_map(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
