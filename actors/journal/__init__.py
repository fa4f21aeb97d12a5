"""The journal of runs: records, stores, and the actor that commits them in groups.

records, errors   values
large, lost       values kept apart because they are large, and what stands for one that is lost
store             the seam; memory and sqlite (failures, rows, blobs, schema) are its two stores
writer, journal   the actors
"""

from actors.journal.errors import (
    IdempotencyConflictError,
    JournalBusyError,
    JournalError,
    JournalSchemaError,
    JournalUnavailableError,
    NotJsonError,
    ResultLostError,
    UnknownRunError,
)
from actors.journal.journal import Journal
from actors.journal.large import LARGE_BYTES, Stored, excerpt_of, is_heavy
from actors.journal.lost import LostResult
from actors.journal.memory import MemoryStore
from actors.journal.records import (
    FINAL_STATUSES,
    CloseRun,
    KeptText,
    OpenRun,
    RecordStep,
    RunRecord,
    RunSummary,
    StepRecord,
)
from actors.journal.sqlite import SqliteFile, SqliteStore
from actors.journal.store import JournalPlace, JournalStore
from actors.journal.writer import ListRuns, LoadRun, ReadText, UnfinishedRuns

__all__ = [
    "FINAL_STATUSES",
    "LARGE_BYTES",
    "CloseRun",
    "IdempotencyConflictError",
    "Journal",
    "JournalBusyError",
    "JournalError",
    "JournalPlace",
    "JournalSchemaError",
    "JournalStore",
    "JournalUnavailableError",
    "KeptText",
    "ListRuns",
    "LoadRun",
    "LostResult",
    "MemoryStore",
    "NotJsonError",
    "OpenRun",
    "ReadText",
    "RecordStep",
    "ResultLostError",
    "RunRecord",
    "RunSummary",
    "SqliteFile",
    "SqliteStore",
    "StepRecord",
    "Stored",
    "UnfinishedRuns",
    "UnknownRunError",
    "excerpt_of",
    "is_heavy",
]
