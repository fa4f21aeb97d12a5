"""What is read of a journal before it is used, so that damage is told at the start and not by runs that stand still."""

from __future__ import annotations

import sqlite3

# The first page of every table and index, and all that the start itself needs: the unfinished runs with their steps.
# Never the whole file: a node must start on gigabytes.
_LOOKS = (
    "SELECT max(seq) FROM runs",
    "SELECT max(seq) FROM steps",
    "SELECT count(*) FROM (SELECT run_id FROM runs INDEXED BY sqlite_autoindex_runs_1 ORDER BY run_id LIMIT 1)",
    "SELECT count(*) FROM (SELECT idempotency_key FROM runs INDEXED BY sqlite_autoindex_runs_2 WHERE"
    " idempotency_key IS NOT NULL LIMIT 1)",
    "SELECT sum(length(definition) + length(inputs) + length(meta) + length(outcome)) FROM runs WHERE finished = 0",
    "SELECT sum(length(result)) FROM steps WHERE run_id IN (SELECT run_id FROM runs WHERE finished = 0)",
)


def look_over(connection: sqlite3.Connection) -> None:
    """Raises `sqlite3.DatabaseError` when what the node's start depends on cannot be read."""
    for look in _LOOKS:
        connection.execute(look).fetchall()
