"""Decisions that a person carries out while no node is at work: they join the chain from outside of a node."""

from __future__ import annotations

from typing import Final

from actors.audit import decisions
from actors.audit.files import AuditFiles
from actors.audit.segments import AuditPlace
from pipelines.guardrails.audit_chain import Decision

SEGMENT_BYTES: Final = 16_000_000


def note_offline(place: AuditPlace, decision: Decision, segment_bytes: int = SEGMENT_BYTES) -> None:
    """Appends the decision, and before it what was found wrong with the log; on the disk when this returns.

    For whoever holds the state directory's lock. Waits up to 5 s for a former writer's thread. Raises
    `AuditUnavailableError`; then nothing was kept. Blocking code.
    """
    files = AuditFiles(place, segment_bytes)
    try:
        found = files.open()
        made = [
            decisions.log_found(decision.at, action, texts)
            for action, texts in (("audit.repaired", found.repaired), ("audit.damaged", found.damage))
            if texts
        ]
        files.append([*made, decision])
    finally:
        files.close()
