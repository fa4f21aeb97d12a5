"""The store of a journal that a URL names: one connection, one thread, one transaction a batch.

Durable on return as the database is (PostgreSQL: `synchronous_commit`, on by default). One node owns one journal: an
advisory lock of the session, which the server drops when the node dies, keeps a second one out.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, assert_never

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from actors.journal.errors import JournalError, JournalUnavailableError
from actors.journal.large import LARGE_BYTES
from actors.journal.operations import BlankRuns, ForgetRuns, Operation, ReopenRun, TakeOverRun, Vacuum, Vacuumed
from actors.journal.preparing import prepared
from actors.journal.records import KeptText, RunRecord, RunSummary, Write, WriteReply
from actors.journal.url import reading, upkeep
from actors.journal.url.failures import explain
from actors.journal.url.migrations import migrate
from actors.journal.url.tables import runs, steps
from actors.journal.url.writing import write_all

Found = TypeVar("Found")
_LOCK_KEY: Final = 0x65766F_70697065  # "evopipe"
_LOCK_WAIT_S: Final = 5.0
_STATEMENT_S: Final = 30.0
_VACUUM_S: Final = 600.0


class UrlStore:
    """A `JournalStore` on one connection, to be used from the thread that made it.

    After a failure it connects again at the next use, so a database that comes back is used without a restart.
    """

    def __init__(self, url: str, large_bytes: int = LARGE_BYTES) -> None:
        self._engine, self._place = engine_for(url)
        self._large_bytes = large_bytes
        self._connection: Connection | None = None
        self._seq = 0
        self._reach(lambda _: None)

    def close(self) -> None:
        self._abandon()

    def commit(self, writes: Sequence[Write], at: float) -> list[WriteReply | JournalError]:
        ready = [prepared(write, at, self._large_bytes) for write in writes]
        return self._reach(lambda connection: write_all(connection, ready, self._count))

    def operate(self, operation: Operation, at: float) -> Any:
        if isinstance(operation, Vacuum):
            return self._vacuum()
        return self._reach(lambda connection: self._operate(connection, operation, at))

    def load(self, run_id: str, *, whole: bool = True, under: str = "") -> RunRecord | None:
        found = self._reach(lambda c: reading.load_runs(c, runs.c.run_id == run_id, whole=whole, under=under))
        return found[0] if found else None

    def kept_text(self, run_id: str, step: str | None, at: int, length: int) -> KeptText | None:
        return self._reach(lambda connection: reading.kept_text(connection, run_id, step, at, length))

    def unfinished(self) -> tuple[RunRecord, ...]:
        return self._reach(lambda connection: reading.load_runs(connection, runs.c.finished == 0, whole=False))

    def run_of_key(self, idempotency_key: str) -> str | None:
        return self._reach(lambda connection: reading.run_of_key(connection, idempotency_key))

    def recent(self, limit: int) -> tuple[RunSummary, ...]:
        return self._reach(lambda connection: reading.summaries(connection, max(limit, 0)))

    def _reach(self, work: Callable[[Connection], Found]) -> Found:
        """Does `work` in one transaction. Raises `JournalError`; nothing of it then stands."""
        try:
            connection = self._opened()
            with connection.begin():
                return work(connection)
        except JournalError:
            raise  # of this record or run alone: rolled back, and the connection is as good as before
        except SQLAlchemyError as error:
            self._abandon()
            raise explain(error, self._place) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise JournalUnavailableError(
                f"a record does not hold what was written to it ({error})",
                path=self._place,
                fix="restore the database from a backup",
            ) from error
        except BaseException:
            self._abandon()
            raise

    def _operate(self, connection: Connection, operation: Operation, at: float) -> Any:
        match operation:
            case TakeOverRun():
                return upkeep.take_over(connection, operation, at, self._count)
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

    def _vacuum(self) -> Vacuumed:
        """PostgreSQL's plain VACUUM: it locks nobody out, and room is used again rather than given back."""
        before = self._reach(upkeep.size_of)
        try:
            bare = self._opened().execution_options(isolation_level="AUTOCOMMIT")
            if bare.dialect.name == "postgresql":
                bare.execute(text(f"SET statement_timeout = {int(_VACUUM_S * 1000)}"))
            bare.execute(text("VACUUM"))
        except SQLAlchemyError as error:
            raise explain(error, self._place) from error
        finally:
            self._abandon()
        return Vacuumed(before, self._reach(upkeep.size_of))

    def _count(self) -> int:
        self._seq += 1
        return self._seq

    def _opened(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            try:
                own(connection)
                migrate(connection, time.time(), self._place)
                with connection.begin():
                    highest = [connection.scalar(select(func.max(table.c.seq))) or 0 for table in (runs, steps)]
            except BaseException:
                connection.close()
                raise
            self._seq = max(highest)
            self._connection = connection
        return self._connection

    def _abandon(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # A failure to close adds nothing to the first one.
            with contextlib.suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()


def engine_for(url: str) -> tuple[Engine, str]:
    """An engine that keeps no connections of its own, and the URL as it may be shown. Raises `JournalError`."""
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, poolclass=NullPool, connect_args=_connect_args(parsed.get_backend_name()))
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        # A ValueError quotes the port, which is the password where the host was forgotten.
        said = "its port is no number" if isinstance(error, ValueError) else str(error).splitlines()[0]
        raise JournalUnavailableError(
            f"journal.url cannot be used ({said})", fix="write it as postgresql+psycopg://USER@HOST/DATABASE"
        ) from None
    # Without user, password and options. An @ that was not written as %40 leaves a part of the password in the host.
    host = None if parsed.host is None else parsed.host.rpartition("@")[2]
    shown = parsed.set(username=None, password=None, query={}, host=host).render_as_string()
    if engine.dialect.name == "sqlite":
        _take_over_transactions(engine)
    return engine, shown


def _connect_args(backend: str) -> dict[str, Any]:
    if backend != "postgresql":
        return {}
    return {
        "connect_timeout": 10,
        # A peer that is gone without a word is noticed, not waited for.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": f"-c statement_timeout={int(_STATEMENT_S * 1000)} -c lock_timeout={int(_LOCK_WAIT_S * 1000)}",
        "application_name": "evopipe",
    }


def own(connection: Connection) -> None:
    """Keeps other nodes out for as long as the connection lives. Raises `SQLAlchemyError` after 5 s."""
    if connection.dialect.name == "postgresql":
        with connection.begin():
            connection.execute(select(func.pg_advisory_lock(_LOCK_KEY)))


def _take_over_transactions(engine: Engine) -> None:
    """The driver of SQLite begins transactions too late; SQLAlchemy's own recipe takes that from it."""

    def connected(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None
        dbapi_connection.execute("PRAGMA journal_mode = WAL")
        dbapi_connection.execute("PRAGMA synchronous = NORMAL")
        dbapi_connection.execute("PRAGMA foreign_keys = ON")

    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
