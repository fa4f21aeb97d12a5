"""Large values in the journal's database: written in the transaction of their row, checked against their hash.

In the same file and not in files beside it: a row and its value become durable together, so that neither can be there
without the other after a crash, and nothing has to be swept up.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Final

from pydantic import JsonValue

from actors.journal.errors import ResultLostError, lost
from actors.journal.large import Large, Stored
from actors.journal.lost import whole_or_lost

_PIECE: Final = 1 << 20


def keep(connection: sqlite3.Connection, large: Large) -> None:
    """Keeps the value, inside the open transaction. One that is there already is written again: it may be damaged."""
    connection.execute(
        "INSERT INTO blobs (sha256, body) VALUES (?, ?) ON CONFLICT (sha256) DO UPDATE SET body = excluded.body",
        (large.stored.sha256, large.body),
    )


def value(connection: sqlite3.Connection, stored: Stored, summary: str, what: str) -> JsonValue:
    """The value, or a `LostResult` in its place. `summary` is what its row holds, `what` names it in the error."""
    return whole_or_lost(lambda: _body(connection, stored, what), summary)


def part(connection: sqlite3.Connection, stored: Stored, at: int, length: int, what: str) -> bytes:
    """`length` bytes of its JSON from `at`; at 0 the whole is checked first. Raises `ResultLostError`."""
    try:
        row = connection.execute("SELECT seq FROM blobs WHERE sha256 = ?", (stored.sha256,)).fetchone()
        if row is None:
            raise lost(what, stored.sha256, stored.size_bytes, "is missing from the journal")
        with connection.blobopen("blobs", "body", row[0], readonly=True) as body:
            if at == 0:
                found = hashlib.sha256()
                while piece := body.read(_PIECE):
                    found.update(piece)
                if found.hexdigest() != stored.sha256:
                    raise _damaged(stored, what)
            body.seek(min(at, len(body)))
            return body.read(length)
    except sqlite3.DatabaseError as error:
        raise _damaged(stored, what) from error


def _body(connection: sqlite3.Connection, stored: Stored, what: str) -> bytes:
    try:
        row = connection.execute("SELECT body FROM blobs WHERE sha256 = ?", (stored.sha256,)).fetchone()
    except sqlite3.DatabaseError as error:
        raise _damaged(stored, what) from error
    if row is None:
        raise lost(what, stored.sha256, stored.size_bytes, "is missing from the journal")
    if hashlib.sha256(row[0]).hexdigest() != stored.sha256:
        raise _damaged(stored, what)
    return row[0]


def _damaged(stored: Stored, what: str) -> ResultLostError:
    return lost(what, stored.sha256, stored.size_bytes, "does not hold what was written")
