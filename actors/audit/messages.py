"""What the AuditLog takes, replies and publishes."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.guardrails.audit_chain import Decision


@dataclass(frozen=True, slots=True)
class Note:
    """Keeps a decision; replies the chain's `Head` once the disk has it.

    Fails with `AuditUnavailableError` (nothing was kept) or `AuditFullError`.
    """

    decision: Decision


@dataclass(frozen=True, slots=True)
class Record:
    """To be told, not called: as `AuditBook.record`, for actors that do not have the book. Kept soon; when the log is
    away at that moment, not at all.
    """

    decision: Decision


@dataclass(frozen=True, slots=True)
class Flush:
    """Replies when all that was recorded before is on the disk; fails as `Note` does, and what waits stays."""


@dataclass(frozen=True, slots=True)
class AuditUnwritable:
    """Published when the log cannot be written, once for each problem."""

    problem: str


@dataclass(frozen=True, slots=True)
class AuditWritable:
    """Published when the log can be written again."""


@dataclass(frozen=True, slots=True)
class AuditRepaired:
    """Published at a start that found an unfinished write and cut it off."""

    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditDamaged:
    """Published when something is wrong with what was written: changed, removed, put in."""

    found: tuple[str, ...]
