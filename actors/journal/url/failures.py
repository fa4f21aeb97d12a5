"""What a failure of the database means to the person who has to mend it."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from actors.journal.errors import JournalError, JournalUnavailableError

# By SQLSTATE, exactly or by its class (postgresql.org/docs/current/errcodes-appendix.html).
_MEANINGS: Final[dict[str, tuple[str, str]]] = {
    "53100": ("its disk is full, so nothing more can be recorded", "free space there; the node goes on by itself"),
    "55P03": ("another node uses this journal", "stop the other node; one node owns one journal"),
    "57014": ("it did not answer in time", "look at its load and locks; the node goes on by itself"),
    "25006": ("it is read-only", "point journal.url to the primary"),
    "28": ("it refuses the user", "check user and password in journal.url, and pg_hba.conf"),
    "3D": ("it has no such database", "make it (createdb), or correct journal.url"),
    "42501": ("the user lacks a right", "grant it CREATE on the schema and rights on the journal's tables"),
    "53": ("it is out of room or connections", "look at its load; the node goes on by itself"),
    "57": ("it is shutting down or starting", "wait; the node goes on by itself"),
    "08": ("it cannot be reached", "check that it runs and that journal.url is right; the node goes on by itself"),
    "XX": ("it is damaged", "look into PostgreSQL's log; restore it from a backup"),
}
_UNKNOWN: Final = (
    "it cannot be used",
    "check that it runs and that journal.url is right; a node that is up goes on by itself once it answers",
)


def explain(error: SQLAlchemyError, place: str) -> JournalError:
    """The `JournalUnavailableError` that says what happened to the database at `place` and what to do."""
    original = getattr(error, "orig", None)
    state = str(getattr(original, "sqlstate", None) or "")
    reason, fix = _MEANINGS.get(state) or _MEANINGS.get(state[:2]) or _UNKNOWN
    said = " ".join(str(original or error).split())[:300]
    return JournalUnavailableError(f"the journal's database: {reason} ({said})", path=place, fix=fix)
