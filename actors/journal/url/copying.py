"""Moving a journal out of an SQLite file into the database of a URL: row by row, all of it or nothing."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from actors.journal.checking import open_to_read
from actors.journal.errors import JournalError, JournalSchemaError, JournalUnavailableError
from actors.journal.failures import explain as explain_sqlite
from actors.journal.schema import MIGRATIONS
from actors.journal.url.failures import explain
from actors.journal.url.migrations import migrate
from actors.journal.url.place import Copied
from actors.journal.url.store import engine_for, own
from actors.journal.url.tables import blobs, runs, steps

_ROWS: Final = 500
_BLOBS: Final = 8


def copy(source: Path, url: str) -> Copied:
    """Copies every row in one transaction of the target, which must have no runs. Blocking; for a source that no node
    uses. Raises `JournalError`; then the target is as it was, but for its empty tables. The source is only read."""
    engine, shown = engine_for(url)
    try:
        with closing(open_to_read(source)) as read, engine.connect() as connection:
            read.execute("BEGIN")
            _check_version(read, source)
            own(connection)
            migrate(connection, time.time(), shown)
            with connection.begin():
                if connection.scalar(select(func.count()).select_from(runs)):
                    raise JournalUnavailableError(
                        "the database holds runs already, so nothing was copied",
                        path=shown,
                        fix="name an empty database (createdb), or go on with the one that is there",
                    )
                return Copied(*(_fill(read, connection, *each) for each in _TABLES))
    except sqlite3.Error as error:
        raise explain_sqlite(error, str(source)) from error
    except SQLAlchemyError as error:
        raise explain(error, shown) from error
    finally:
        engine.dispose()


# In this order: a step names its run.
_TABLES: Final = ((runs, _ROWS), (steps, _ROWS), (blobs, _BLOBS))


def _check_version(read: sqlite3.Connection, source: Path) -> None:
    version = read.execute("SELECT max(version) FROM schema_version").fetchone()[0]
    if version != len(MIGRATIONS):
        raise JournalSchemaError(
            f"the journal has schema version {version}, and only {len(MIGRATIONS)} can be copied",
            path=str(source),
            fix="start a node on it once, which brings an older one up to date",
        )


def _fill(read: sqlite3.Connection, connection: Connection, table: Table, at_once: int) -> int:
    names = [column.name for column in table.columns]
    found = read.execute(f"SELECT {', '.join(names)} FROM {table.name} ORDER BY seq")
    copied = 0
    while rows := found.fetchmany(at_once):
        values: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
        connection.execute(insert(table), values)
        copied += len(rows)
    there = connection.scalar(select(func.count()).select_from(table))
    if there != copied:
        raise JournalError(f"{there} of {copied} rows of {table.name} arrived, so nothing was copied")
    return copied
