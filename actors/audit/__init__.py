"""The audit log: every decision by person or machine, in a chain of hashes that shows whatever is changed in it.

The chain's rules are in `pipelines.guardrails.audit_chain`. A part of the node that decides something records it with
`AuditBook.record(decisions.<kind>(...))`, or calls `Note` where what follows must not happen without its entry.

What knows the other actors (`arming`, `listening`) is imported when it is first asked for: `evopipe audit verify` reads
files, and must not wait for half of the node.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from actors.audit import decisions
from actors.audit.book import AuditBook
from actors.audit.checking import Checked, LocatedFlaw, check_file, check_place, entries_of, last_entries, place_of
from actors.audit.errors import AuditError, AuditFullError, AuditUnavailableError, NoAuditLogError
from actors.audit.files import AuditFiles, Found
from actors.audit.log import AuditLog
from actors.audit.messages import AuditDamaged, AuditRepaired, AuditUnwritable, AuditWritable, Flush, Note, Record
from actors.audit.offline import note_offline
from actors.audit.segments import AuditPlace, segments
from pipelines.guardrails.audit_chain import Decision, Head

if TYPE_CHECKING:
    from actors.audit.arming import (
        arming_noted_by,
        auto_approvals_noted_by,
        breaker_orders_noted_by,
        budget_changes_noted_by,
    )
    from actors.audit.listening import listen

__all__ = [
    "AuditBook",
    "AuditDamaged",
    "AuditError",
    "AuditFiles",
    "AuditFullError",
    "AuditLog",
    "AuditPlace",
    "AuditRepaired",
    "AuditUnavailableError",
    "AuditUnwritable",
    "AuditWritable",
    "Checked",
    "Decision",
    "Flush",
    "Found",
    "Head",
    "LocatedFlaw",
    "NoAuditLogError",
    "Note",
    "Record",
    "arming_noted_by",
    "auto_approvals_noted_by",
    "breaker_orders_noted_by",
    "budget_changes_noted_by",
    "check_file",
    "check_place",
    "decisions",
    "entries_of",
    "last_entries",
    "listen",
    "note_offline",
    "place_of",
    "segments",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{'listening' if name == 'listen' else 'arming'}")
    found: object = getattr(module, name)
    globals()[name] = found
    return found
