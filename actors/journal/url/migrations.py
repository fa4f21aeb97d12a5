"""How a database becomes one with the newest schema. As in `actors.journal.schema`: a released script is never edited.

The numbers are this store's own: the two stores share a contract, not their history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, func, insert, inspect, select, text

from actors.journal.errors import JournalSchemaError, JournalUnavailableError
from actors.journal.schema import HIGHEST_PLAUSIBLE
from actors.journal.url.tables import schema_version

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE runs (
            seq BIGINT PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, pipeline_name TEXT NOT NULL,
            definition TEXT NOT NULL, definition_hash TEXT NOT NULL, inputs TEXT NOT NULL, meta TEXT NOT NULL,
            idempotency_key TEXT UNIQUE, status TEXT NOT NULL, finished SMALLINT NOT NULL DEFAULT 0,
            outcome TEXT NOT NULL DEFAULT 'null', opened_at {real} NOT NULL, closed_at {real}, blanked_at {real},
            blob TEXT, stored TEXT
        )""",
        "CREATE INDEX unfinished_runs ON runs (seq) WHERE finished = 0",
        "CREATE INDEX finished_runs ON runs (closed_at) WHERE finished = 1",
        "CREATE INDEX runs_with_content ON runs (closed_at) WHERE finished = 1 AND blanked_at IS NULL",
        "CREATE INDEX runs_with_blob ON runs (blob) WHERE blob IS NOT NULL",
        """CREATE TABLE steps (
            seq BIGINT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs (run_id), step TEXT NOT NULL,
            attempt BIGINT NOT NULL, status TEXT NOT NULL, result TEXT NOT NULL, at {real} NOT NULL,
            blob TEXT, stored TEXT, UNIQUE (run_id, step)
        )""",
        "CREATE INDEX steps_with_blob ON steps (blob) WHERE blob IS NOT NULL",
        "CREATE TABLE blobs (sha256 TEXT PRIMARY KEY, body {bytes} NOT NULL)",
    ),
)
_TYPES: Final = {
    "postgresql": {"real": "DOUBLE PRECISION", "bytes": "BYTEA"},
    "sqlite": {"real": "REAL", "bytes": "BLOB"},
}


def migrate(connection: Connection, at: float, place: str, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> int:
    """Brings the database to the newest version and returns that, a transaction a version.

    Raises `JournalSchemaError` when it is newer than `migrations`, `JournalUnavailableError` when its version is none
    that anybody wrote, `sqlalchemy.exc.SQLAlchemyError` when the database fails.
    """
    types = _TYPES.get(connection.dialect.name)
    if types is None:
        raise JournalUnavailableError(
            f"a journal cannot be kept in {connection.dialect.name}",
            path=place,
            fix="use postgresql+psycopg://..., or leave journal.url out for the embedded SQLite",
        )
    with connection.begin():
        schema_version.create(connection, checkfirst=True)
    version = version_of(connection, place, len(migrations))
    for number in range(version + 1, len(migrations) + 1):
        with connection.begin():
            for statement in migrations[number - 1]:
                connection.execute(text(statement.format(**types)))
            connection.execute(insert(schema_version).values(version=number, applied_at=at))
    return len(migrations)


def version_of(connection: Connection, place: str, known: int = len(MIGRATIONS)) -> int:
    """The database's schema version; 0 when it has none. Raises as `migrate` does."""
    with connection.begin():
        there = inspect(connection).has_table("schema_version")
        version: int = (connection.scalar(select(func.max(schema_version.c.version))) or 0) if there else 0
    if not 0 <= version <= HIGHEST_PLAUSIBLE:
        raise JournalUnavailableError(
            f"the journal's database is damaged (it claims the schema version {version})",
            path=place,
            fix="restore it from a backup (pg_restore), or name an empty database",
        )
    if version > known:
        raise JournalSchemaError(
            f"the journal has schema version {version}, this evopipe knows versions up to {known}",
            path=place,
            fix="run the newer evopipe that wrote it, or name another database",
        )
    return version
