"""The journal's tables and how an older file becomes a newer one.

Each migration is one SQL script that takes the schema from version i to i + 1; a released one is never
edited, a change is a new script at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from actors.journal.errors import JournalSchemaError, JournalUnavailableError

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE runs (
        seq             INTEGER PRIMARY KEY,
        run_id          TEXT NOT NULL UNIQUE,
        pipeline_name   TEXT NOT NULL,
        definition      TEXT NOT NULL,
        definition_hash TEXT NOT NULL,
        inputs          TEXT NOT NULL,
        meta            TEXT NOT NULL,
        idempotency_key TEXT UNIQUE,
        status          TEXT NOT NULL,
        finished        INTEGER NOT NULL DEFAULT 0,
        outcome         TEXT NOT NULL DEFAULT 'null',
        opened_at       REAL NOT NULL,
        closed_at       REAL
    ) STRICT;
    CREATE INDEX unfinished_runs ON runs (seq) WHERE finished = 0;
    CREATE TABLE steps (
        seq     INTEGER PRIMARY KEY,
        run_id  TEXT NOT NULL REFERENCES runs (run_id),
        step    TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        status  TEXT NOT NULL,
        result  TEXT NOT NULL,
        at      REAL NOT NULL,
        UNIQUE (run_id, step)
    ) STRICT;
    """,
    # A large value is kept once, by its hash; a row that has one holds what is known of it and a summary. It goes with
    # the last row that names it, whoever deletes that, and a run's rows go with the run.
    """
    CREATE TABLE blobs (
        seq    INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL UNIQUE,
        body   BLOB NOT NULL
    ) STRICT;
    ALTER TABLE steps ADD COLUMN blob TEXT;
    ALTER TABLE steps ADD COLUMN stored TEXT;
    ALTER TABLE runs ADD COLUMN blob TEXT;
    ALTER TABLE runs ADD COLUMN stored TEXT;
    CREATE INDEX steps_with_blob ON steps (blob) WHERE blob IS NOT NULL;
    CREATE INDEX runs_with_blob ON runs (blob) WHERE blob IS NOT NULL;
    CREATE TRIGGER steps_go_with_their_run BEFORE DELETE ON runs BEGIN
        DELETE FROM steps WHERE run_id = OLD.run_id;
    END;
    CREATE TRIGGER blob_of_a_deleted_step AFTER DELETE ON steps WHEN OLD.blob IS NOT NULL BEGIN
        DELETE FROM blobs WHERE sha256 = OLD.blob
            AND NOT EXISTS (SELECT 1 FROM steps WHERE blob = OLD.blob)
            AND NOT EXISTS (SELECT 1 FROM runs WHERE blob = OLD.blob);
    END;
    CREATE TRIGGER blob_of_a_deleted_run AFTER DELETE ON runs WHEN OLD.blob IS NOT NULL BEGIN
        DELETE FROM blobs WHERE sha256 = OLD.blob
            AND NOT EXISTS (SELECT 1 FROM steps WHERE blob = OLD.blob)
            AND NOT EXISTS (SELECT 1 FROM runs WHERE blob = OLD.blob);
    END;
    CREATE TRIGGER blob_of_a_replaced_outcome AFTER UPDATE OF blob ON runs
        WHEN OLD.blob IS NOT NULL AND OLD.blob IS NOT NEW.blob BEGIN
        DELETE FROM blobs WHERE sha256 = OLD.blob
            AND NOT EXISTS (SELECT 1 FROM steps WHERE blob = OLD.blob)
            AND NOT EXISTS (SELECT 1 FROM runs WHERE blob = OLD.blob);
    END;
    """,
    # Retention: finds the oldest finished runs, and those of them that still have their content, without a scan.
    """
    ALTER TABLE runs ADD COLUMN blanked_at REAL;
    CREATE INDEX finished_runs ON runs (closed_at) WHERE finished = 1;
    CREATE INDEX runs_with_content ON runs (closed_at) WHERE finished = 1 AND blanked_at IS NULL;
    CREATE TRIGGER blob_of_a_blanked_step AFTER UPDATE OF blob ON steps
        WHEN OLD.blob IS NOT NULL AND OLD.blob IS NOT NEW.blob BEGIN
        DELETE FROM blobs WHERE sha256 = OLD.blob
            AND NOT EXISTS (SELECT 1 FROM steps WHERE blob = OLD.blob)
            AND NOT EXISTS (SELECT 1 FROM runs WHERE blob = OLD.blob);
    END;
    """,
)

HIGHEST_PLAUSIBLE = 100_000  # beyond it no newer evopipe wrote the number, but damage did
_VERSIONS = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at REAL NOT NULL) STRICT"


def migrate(connection: sqlite3.Connection, at: float, path: str, migrations: Sequence[str] = MIGRATIONS) -> int:
    """Brings the file to the newest version and returns that version.

    Each step is one transaction with its row in `schema_version`, so that a crash in the middle leaves the
    version before. Raises `JournalSchemaError` when the file is newer than `migrations`, `JournalUnavailableError`
    when its version is none that anybody wrote.
    """
    connection.execute(_VERSIONS)
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    version: int = row[0] or 0
    if not 0 <= version <= HIGHEST_PLAUSIBLE:
        raise JournalUnavailableError(
            f"the database is corrupt (it claims the schema version {version})",
            path=path,
            fix="restore it from a backup, or move it aside: the node then starts with an empty journal",
        )
    if version > len(migrations):
        raise JournalSchemaError(
            f"the journal has schema version {version}, this evopipe knows versions up to {len(migrations)}",
            path=path,
            fix="run the newer evopipe that wrote it, or start with another state directory",
        )
    for number in range(version + 1, len(migrations) + 1):
        # executescript would commit whatever is open, so the transaction is part of the script itself.
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{migrations[number - 1]}\n"
            f"INSERT INTO schema_version VALUES ({number}, {at!r});\nCOMMIT;"
        )
    return len(migrations)
