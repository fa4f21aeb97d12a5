"""What a failure of SQLite means to the person who has to mend it."""

from __future__ import annotations

import sqlite3

from actors.journal.errors import JournalError, JournalUnavailableError

# The low byte of an extended result code is its primary code (sqlite.org/rescode.html).
_PRIMARY = 0xFF

_MEANINGS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: (
        "the disk is full (or the journal's size limit is reached), so nothing more can be recorded",
        "free space on that disk (or lift the size limit); the node goes on and records again by itself",
    ),
    sqlite3.SQLITE_READONLY: (
        "the journal is read-only",
        "make the file and its directory writable for the user that runs the node",
    ),
    sqlite3.SQLITE_NOTADB: (
        "the file is not an SQLite database (corrupt, or something else was put there)",
        "restore it from a backup, or move it aside: the node then starts with an empty journal",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "the database is corrupt",
        "restore it from a backup, or rescue what is readable with 'sqlite3 FILE .recover' and move it aside",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the file cannot be opened",
        "check that its directory exists and that the user that runs the node may write there",
    ),
    sqlite3.SQLITE_BUSY: (
        "another process holds the journal's write lock",
        "stop the other node or tool that uses this file; one node owns one state directory",
    ),
    sqlite3.SQLITE_IOERR: (
        "the disk reported an error",
        "check the disk and the system log; the node goes on and records again once writes succeed",
    ),
    sqlite3.SQLITE_TOOBIG: (
        "one value is larger than SQLite keeps (1 GB)",
        "write large results to a file and record its path",
    ),
}


def explain(error: sqlite3.Error, path: str) -> JournalError:
    """The `JournalUnavailableError` that says what happened to the file at `path` and what to do."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    name: str = getattr(error, "sqlite_errorname", "unknown error")
    reason, fix = _MEANINGS.get(
        (code or 0) & _PRIMARY,
        ("the journal's database failed", "see the SQLite message; restart the node if it persists"),
    )
    return JournalUnavailableError(f"{reason} (SQLite says: {error}, {name})", path=path, fix=fix)
