"""AuditError
├─ AuditUnavailableError   the entry could not be kept; nothing was acknowledged
└─ AuditFullError          too many decisions wait for the disk already
"""

from __future__ import annotations


class AuditError(Exception):
    """Base of the audit log's errors. The text says what failed and what to do."""

    code = "audit_error"


class AuditUnavailableError(AuditError):
    """The entry is not in the log (or it is unknown whether it is): what depends on it must not be done."""

    code = "audit_unavailable"


class AuditFullError(AuditError):
    """As many decisions as there may be wait for the disk; the same decision may be noted again in a moment."""

    code = "audit_full"
