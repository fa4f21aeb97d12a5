"""The journal in one SQLite file: the embedded default.

WAL lets readers (backups, a curious `sqlite3` shell) look while the node writes. `synchronous="normal"`, the
default (docs/adr/0012), survives any crash of the node, `kill -9` included; a power cut may lose the last commits
(never corrupt the file). `"full"` waits for the disk at every commit and survives the power cut too.
The file is 0600, a directory made for it 0700; SQLite gives the -wal and -shm files the same mode.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, assert_never

from actors.journal import reading, upkeep
from actors.journal.batches import write_all, write_alone
from actors.journal.errors import JournalBusyError, JournalError, JournalUnavailableError
from actors.journal.failures import explain
from actors.journal.large import LARGE_BYTES
from actors.journal.operations import BlankRuns, ForgetRuns, Operation, ReopenRun, TakeOverRun, Vacuum, Vacuumed
from actors.journal.preparing import prepared
from actors.journal.records import KeptText, RunRecord, RunSummary, Write, WriteReply
from actors.journal.schema import migrate
from actors.journal.soundness import look_over

Found = TypeVar("Found")

_LOCK_WAIT_S = 5.0
_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A `JournalPlace`: the file, its durability and, if wanted, a cap on the database's size in bytes
    (beyond it writes fail as on a full disk). Values whose JSON is longer than `large_bytes` are kept apart."""

    path: str | Path
    synchronous: Literal["normal", "full"] = "normal"
    max_bytes: int | None = None
    large_bytes: int = LARGE_BYTES

    @property
    def blocking(self) -> bool:
        return True

    def open(self) -> SqliteStore:
        return SqliteStore(self)


class SqliteStore:
    """A `JournalStore` on one connection, to be used from the thread that made it.

    After a failure it reopens the file at the next use, so a file that was put back is used without a restart;
    after one for want of room it goes on reading, and writes again once there is room.
    """

    def __init__(self, place: SqliteFile) -> None:
        self._place = place
        self._path = str(place.path)
        self._connection: sqlite3.Connection | None = None
        self._opened()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def commit(self, writes: Sequence[Write], at: float) -> list[WriteReply | JournalError]:
        ready = [prepared(write, at, self._place.large_bytes) for write in writes]
        try:
            connection = self._opened()
            replies = write_alone(connection, ready)
            if replies is None:
                connection.execute("BEGIN IMMEDIATE")
                replies = write_all(connection, ready)
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._recover(error)
            raise explain(error, self._path) from error
        return replies

    def operate(self, operation: Operation, at: float) -> Any:
        try:
            connection = self._opened()
            if isinstance(operation, Vacuum):
                return _vacuum(connection, operation.most_bytes)
            connection.execute("BEGIN IMMEDIATE")
            reply = _operate(connection, operation, at)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._recover(error)
            raise explain(error, self._path) from error
        except BaseException:
            self._abandon()
            raise
        return reply

    def load(self, run_id: str, *, whole: bool = True, under: str = "") -> RunRecord | None:
        found = self._read(
            lambda connection: reading.runs(connection, "run_id = ?", (run_id,), whole=whole, under=under)
        )
        return found[0] if found else None

    def kept_text(self, run_id: str, step: str | None, at: int, length: int) -> KeptText | None:
        return self._read(lambda connection: reading.kept_text(connection, run_id, step, at, length))

    def unfinished(self) -> tuple[RunRecord, ...]:
        return self._read(reading.unfinished)

    def run_of_key(self, idempotency_key: str) -> str | None:
        return self._read(lambda connection: reading.run_of_key(connection, idempotency_key))

    def recent(self, limit: int) -> tuple[RunSummary, ...]:
        return self._read(lambda connection: reading.summaries(connection, max(limit, 0)))

    def _read(self, query: Callable[[sqlite3.Connection], Found]) -> Found:
        try:
            connection = self._opened()
            # One transaction: a run and its steps are seen as of one moment.
            connection.execute("BEGIN")
            found = query(connection)
            connection.execute("COMMIT")
        except JournalError:
            self._abandon()
            raise
        except sqlite3.Error as error:
            self._abandon()
            raise explain(error, self._path) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            self._abandon()
            raise JournalUnavailableError(
                f"a record does not hold what was written to it ({error})",
                path=self._path,
                fix="restore the journal from a backup, or move it aside",
            ) from error
        return found

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _connect(self._place)
        return self._connection

    def _recover(self, error: sqlite3.Error) -> None:
        """Undoes a transaction that failed. The connection is kept where only room was missing: opening the file again
        takes room, too, so without it nothing could even be read until the disk has space."""
        connection = self._connection
        if connection is None or getattr(error, "sqlite_errorcode", None) not in _NO_ROOM:
            self._abandon()
            return
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._abandon()

    def _abandon(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Closing rolls an open transaction back; a failure to close adds nothing to the first one.
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def _operate(connection: sqlite3.Connection, operation: Operation, at: float) -> Any:
    match operation:
        case TakeOverRun():
            return upkeep.take_over(connection, operation, at)
        case ReopenRun():
            return upkeep.reopen(connection, operation)
        case ForgetRuns():
            return upkeep.forget(connection, operation)
        case BlankRuns():
            return upkeep.blank(connection, operation)
        case Vacuum():
            raise TypeError("a vacuum has no transaction")
        case _:
            assert_never(operation)


def _vacuum(connection: sqlite3.Connection, most_bytes: int | None) -> Vacuumed:
    before = _size(connection)
    if most_bytes is not None and before > most_bytes:
        raise JournalBusyError(
            f"the journal has {before} bytes, and a running node gives no room back above {most_bytes}: nothing could "
            "be recorded for as long as that takes",
            fix="stop the node (`evopipe down`), then `evopipe vacuum`",
        )
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return Vacuumed(before, _size(connection))


def _size(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA page_count").fetchone()[0] * connection.execute("PRAGMA page_size").fetchone()[0]


def _connect(place: SqliteFile) -> sqlite3.Connection:
    path = Path(place.path)
    _make_private(path)
    connection: sqlite3.Connection | None = None
    try:
        # isolation_level=None: transactions are begun and ended here, not guessed by the driver.
        connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {place.synchronous.upper()}")
        connection.execute("PRAGMA foreign_keys = ON")
        if place.max_bytes is not None:
            page_size: int = connection.execute("PRAGMA page_size").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {max(1, place.max_bytes // page_size)}")
        migrate(connection, time.time(), str(path))
        look_over(connection)
    except sqlite3.Error as error:
        _close(connection)
        raise explain(error, str(path)) from error
    except JournalError:
        _close(connection)
        raise
    return connection


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()


def _make_private(path: Path) -> None:
    """Makes the file (empty) with mode 0600 before SQLite would make it by the umask."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise JournalUnavailableError(
            f"the journal cannot be opened ({error.strerror or error})",
            path=str(path),
            fix="check that its directory exists, that it is a plain file and that the user that runs "
            "the node may write there",
        ) from error
