"""What the files of a state directory mean, each checked by the rules of the part that writes it.

A new kind of file is a line in one of the two tables.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from actors.audit import AuditPlace, check_place, segments
from actors.evolution import LedgerError, read_ledger
from actors.journal import Finding, check_pages, open_to_read
from actors.library import Catalogue
from actors.memory import UnreadablePatternsError, parse_patterns
from actors.sessions import flaws_of_sessions
from actors.treasury import FILE_NAME as LEDGER
from actors.treasury import flaws_of_ledger
from pipelines.guardrails.breaker_state import BreakerStateError
from pipelines.guardrails.breaker_state import parse as parse_breakers
from pipelines.guardrails.kill_switch import KillStateError
from pipelines.guardrails.kill_switch import parse as parse_switches
from pipelines.guardrails.trust_state import TrustStateError
from pipelines.guardrails.trust_state import parse as parse_trust

RESTORE: Final = "restore it from a backup (`evopipe restore FILE`)"

DATABASES: Final[dict[str, Callable[[sqlite3.Connection], Iterator[str]]]] = {
    "sessions.sqlite3": flaws_of_sessions,
    LEDGER: flaws_of_ledger,
}
STATES: Final[dict[str, tuple[Callable[[bytes], object], str]]] = {
    "kill_switches.json": (
        parse_switches,
        f"{RESTORE}; else the next node counts its own switch as triggered until `evopipe arm node --reason TEXT`",
    ),
    "breakers.json": (parse_breakers, f"{RESTORE}; else the next node moves it aside and all breakers begin closed"),
    "trust.json": (parse_trust, f"{RESTORE}; else the next node moves it aside and asks a person each time"),
    "patterns.json": (parse_patterns, f"{RESTORE}; else the next node moves it aside and learns anew"),
}
_UNREADABLE: Final = (ValueError, BreakerStateError, KillStateError, TrustStateError, UnreadablePatternsError)


def check_database(path: Path) -> Iterator[Finding]:
    """A database that is not the journal: its pages, and its rows where their meaning is known."""
    try:
        with contextlib.closing(open_to_read(path)) as connection:
            connection.execute("BEGIN")  # everything is looked at as of one moment
            damaged = False
            for finding in check_pages(connection, str(path)):
                damaged = True
                yield finding
            flaws = DATABASES.get(path.name)
            if flaws is not None and not damaged:
                for said in flaws(connection):
                    yield Finding("error", str(path), said, RESTORE)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        yield Finding("error", str(path), f"the database cannot be read ({error})", RESTORE)


def check_state_file(path: Path) -> Iterator[Finding]:
    """A small file that is replaced as a whole. Raises `OSError`."""
    parse, fix = STATES[path.name]
    try:
        parse(path.read_bytes())
    except _UNREADABLE as error:
        yield Finding("error", str(path), f"it is not what was written ({error})", fix)


def check_audit(place: AuditPlace) -> Iterator[Finding]:
    """The audit log's lines, the chain between them, and the notes of its heads. Raises `OSError`."""
    if not segments(place.directory) and not place.heads.exists():
        return
    fix = "leave the file as it is for whoever looks into it; the node goes on in a new one"
    for flaw in check_place(place).flaws:
        yield Finding("error", f"{flaw.file}:{flaw.line}", f"the audit log: {flaw.what}", fix)


def check_evolutions(directory: Path) -> Iterator[Finding]:
    """The ledgers of the evolutions. What their runs wrote beside them is nobody's but theirs. Raises `OSError`."""
    for path in sorted(directory.glob("*/ledger.jsonl")):
        try:
            read_ledger(path)
        except LedgerError as error:
            fix = f"{RESTORE}; the node shows this evolution as failed"
            yield Finding("error", str(path), f"it is not what was written ({error})", fix)


def check_library(directory: Path) -> Iterator[Finding]:
    """Every registered version by its hash."""
    if not directory.is_dir():
        return
    listing = Catalogue(directory).listing()
    for entry in listing.pipelines:
        if entry.problem is not None:
            place = f"{directory}: {entry.name}@{entry.version}"
            yield Finding("error", place, entry.problem, "register that pipeline again, or restore a backup")
    for said in listing.problems:
        yield Finding("warning", str(directory), said, "move it elsewhere")
