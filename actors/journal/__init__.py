"""The journal of runs: records, stores, and the actor that commits them in groups.

records, errors   values
store             the seam; memory and sqlite (failures, rows, schema) are its two stores
writer, journal   the actors
"""

from actors.journal.errors import (
    IdempotencyConflictError,
    JournalBusyError,
    JournalError,
    JournalSchemaError,
    JournalUnavailableError,
    NotJsonError,
    UnknownRunError,
)
from actors.journal.journal import Journal
from actors.journal.memory import MemoryStore
from actors.journal.records import (
    FINAL_STATUSES,
    CloseRun,
    OpenRun,
    RecordStep,
    RunRecord,
    RunSummary,
    StepRecord,
)
from actors.journal.sqlite import SqliteFile, SqliteStore
from actors.journal.store import JournalPlace, JournalStore
from actors.journal.writer import ListRuns, LoadRun, UnfinishedRuns

__all__ = [
    "FINAL_STATUSES",
    "CloseRun",
    "IdempotencyConflictError",
    "Journal",
    "JournalBusyError",
    "JournalError",
    "JournalPlace",
    "JournalSchemaError",
    "JournalStore",
    "JournalUnavailableError",
    "ListRuns",
    "LoadRun",
    "MemoryStore",
    "NotJsonError",
    "OpenRun",
    "RecordStep",
    "RunRecord",
    "RunSummary",
    "SqliteFile",
    "SqliteStore",
    "StepRecord",
    "UnfinishedRuns",
    "UnknownRunError",
]
