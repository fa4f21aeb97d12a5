"""AuditError
├─ AuditUnavailableError   the entry could not be kept; nothing was acknowledged
├─ AuditFullError          too many decisions wait for the disk already
└─ NoAuditLogError         there is no log where one was looked for (also a FileNotFoundError)
"""

from __future__ import annotations

from pathlib import Path


class AuditError(Exception):
    """Base of the audit log's errors. The text says what failed and what to do."""

    code = "audit_error"


class AuditUnavailableError(AuditError):
    """The entry is not in the log (or it is unknown whether it is): what depends on it must not be done."""

    code = "audit_unavailable"


class AuditFullError(AuditError):
    """As many decisions as there may be wait for the disk; the same decision may be noted again in a moment."""

    code = "audit_full"


class NoAuditLogError(AuditError, FileNotFoundError):
    """There is neither a file of the log in `directory` nor a note in `heads`."""

    code = "no_audit_log"

    def __init__(self, directory: Path, heads: Path) -> None:
        super().__init__(directory, heads)
        self.directory = directory
        self.heads = heads

    def __str__(self) -> str:
        return (
            f"there is no audit log in {self.directory}: no audit-000001.jsonl or a later one, and no note of its "
            f"entries in {self.heads}. A node begins both at its first start. Fix: name the node's state directory (as "
            "EVOPIPE_STATE_DIR does), the log's own directory, or one of its files. Where a log did stand here, it was "
            "removed: a backup, an export or a noted head is what is left of it"
        )
