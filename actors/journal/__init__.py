"""The journal of runs: records, stores, and the actor that commits them in groups.

records, errors   values
large, lost       values kept apart because they are large, and what stands for one that is lost
store             the seam; memory and sqlite are its two stores
preparing         writes ready for a database; sqlite's: batches and rows (writes), reading, blobs, schema, failures
url               the store of a database that a URL names (PostgreSQL)
checking          everything that is wrong in a journal (`evopipe fsck`)
operations        what is done to whole runs: replay, reopening, retention (upkeep, blanking), vacuum
writer, journal   what its thread does; the actor
"""

from actors.journal.checking import Finding, check_file, check_pages, open_to_read
from actors.journal.errors import (
    IdempotencyConflictError,
    JournalBusyError,
    JournalError,
    JournalSchemaError,
    JournalUnavailableError,
    NotJsonError,
    ResultLostError,
    RunChangedError,
    UnknownRunError,
)
from actors.journal.journal import Journal
from actors.journal.large import LARGE_BYTES, Stored, excerpt_of, is_heavy
from actors.journal.lost import LostResult
from actors.journal.memory import MemoryStore
from actors.journal.operations import (
    FORMER,
    BlankRuns,
    ForgetRuns,
    Operation,
    ReopenRun,
    TakeOverRun,
    Vacuum,
    Vacuumed,
)
from actors.journal.records import (
    FINAL_STATUSES,
    CloseRun,
    Ended,
    EndRun,
    KeptText,
    OpenRun,
    RecordStep,
    RunRecord,
    RunSummary,
    StepRecord,
)
from actors.journal.sqlite import SqliteFile, SqliteStore
from actors.journal.store import JournalPlace, JournalStore
from actors.journal.url import Copied, UrlPlace, check_url, copy_journal
from actors.journal.writer import FindRun, ListRuns, LoadRun, ReadText, UnfinishedRuns

__all__ = [
    "FINAL_STATUSES",
    "FORMER",
    "LARGE_BYTES",
    "BlankRuns",
    "CloseRun",
    "Copied",
    "EndRun",
    "Ended",
    "FindRun",
    "Finding",
    "ForgetRuns",
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
    "Operation",
    "ReadText",
    "RecordStep",
    "ReopenRun",
    "ResultLostError",
    "RunChangedError",
    "RunRecord",
    "RunSummary",
    "SqliteFile",
    "SqliteStore",
    "StepRecord",
    "Stored",
    "TakeOverRun",
    "UnfinishedRuns",
    "UnknownRunError",
    "UrlPlace",
    "Vacuum",
    "Vacuumed",
    "check_file",
    "check_pages",
    "check_url",
    "copy_journal",
    "excerpt_of",
    "is_heavy",
    "open_to_read",
]
