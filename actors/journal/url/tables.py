"""The journal's tables as SQLAlchemy Core sees them; `migrations` makes them.

`seq` is counted by the writer, who is alone (an advisory lock sees to that), so that the order of records is the order
in which they came, whatever a database does with many rows at once.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, ForeignKey, LargeBinary, MetaData, SmallInteger, Table, Text

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("run_id", Text, nullable=False, unique=True),
    Column("pipeline_name", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("definition_hash", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("meta", Text, nullable=False),
    Column("idempotency_key", Text, unique=True),
    Column("status", Text, nullable=False),
    Column("finished", SmallInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("opened_at", Double, nullable=False),
    Column("closed_at", Double),
    Column("blanked_at", Double),
    Column("blob", Text),
    Column("stored", Text),
)

steps = Table(
    "steps",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("run_id", Text, ForeignKey("runs.run_id"), nullable=False),
    Column("step", Text, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("blob", Text),
    Column("stored", Text),
)

blobs = Table(
    "blobs",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("applied_at", Double, nullable=False),
)
