"""Audit logs for tests: written by the real files, in a directory of the test."""

from __future__ import annotations

from pathlib import Path

from actors.audit import AuditFiles, AuditPlace, Decision, Head


def decision(number: int, action: str = "run.ended") -> Decision:
    return Decision(1000.0 + number, "ann", action, f"run-{number}", {"status": "succeeded"})


def written(directory: Path, entries: int, segment_bytes: int = 16_000_000, batch: int = 1) -> tuple[AuditPlace, Head]:
    """A log with that many entries, written `batch` at a time."""
    place = AuditPlace.of(directory)
    files = AuditFiles(place, segment_bytes)
    files.open()
    for number in range(1, entries + 1, batch):
        files.append([decision(each) for each in range(number, min(number + batch, entries + 1))])
    head = files.head
    files.close()
    return place, head
