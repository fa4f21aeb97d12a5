"""The ledger's tables, their versions, and how the file is opened. Blocking code.

Money is kept as whole picodollars (10^-12 USD), so that SQLite sums it exactly. `runs` has every run that has paid for
a call: running, reopened (it goes on after an end that was counted), or how it ended; `share` is what it was
trusted with as it began. `today` is the day of budgets. `pruned` says from which day on all charges are there.
"""

from __future__ import annotations

import os
import sqlite3
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Final

from actors.treasury.messages import LedgerClosedError

FILE_NAME: Final = "treasury.sqlite3"
VERSION: Final = 3
OPEN_RUNS: Final = "status IN ('running', 'reopened')"
_PICO: Final = Decimal(10) ** 12
FIRST: Final = """
CREATE TABLE charges (
    run TEXT NOT NULL, step TEXT NOT NULL, call TEXT NOT NULL, answer TEXT NOT NULL,
    day TEXT NOT NULL, at REAL NOT NULL,
    tenant TEXT NOT NULL, tier TEXT NOT NULL, pipeline TEXT NOT NULL, class TEXT NOT NULL,
    provider TEXT NOT NULL, model TEXT NOT NULL, tokens INTEGER NOT NULL, pico_usd INTEGER,
    PRIMARY KEY (run, step, call, answer)
) STRICT, WITHOUT ROWID;
CREATE INDEX charges_by_day ON charges (day, at);
CREATE TABLE runs (run TEXT PRIMARY KEY, status TEXT NOT NULL, at REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE shares (pipeline TEXT PRIMARY KEY, share TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE limits (path TEXT PRIMARY KEY, usd TEXT, tokens INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY, path TEXT NOT NULL, usd TEXT, tokens INTEGER, cleared INTEGER NOT NULL,
    who TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL
) STRICT;
"""
_SECOND = f"""
ALTER TABLE runs ADD COLUMN share TEXT;
CREATE TABLE today (one INTEGER PRIMARY KEY CHECK (one = 1), day TEXT NOT NULL, seen TEXT NOT NULL) STRICT;
INSERT OR IGNORE INTO runs (run, status, at) SELECT run, 'running', max(at) FROM charges GROUP BY run;
CREATE INDEX runs_open ON runs (run) WHERE {OPEN_RUNS};
"""
_THIRD = "CREATE TABLE pruned (one INTEGER PRIMARY KEY CHECK (one = 1), whole_from TEXT NOT NULL) STRICT;"
_STEPS: Final = (FIRST, _SECOND, _THIRD)


def open_ledger(path: Path) -> sqlite3.Connection:
    """The ledger, made or brought to this version. Raises `LedgerClosedError`; then the file is as it was."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        file = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise closed(path, error) from error
    try:
        version = _known_version(file, path)  # first: a file that is not ours is not touched
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")
        if version < VERSION:
            steps = "".join(_STEPS[version:])
            file.executescript(f"BEGIN IMMEDIATE;{steps}PRAGMA user_version = {VERSION};COMMIT;")
    except BaseException as error:
        file.close()
        if isinstance(error, sqlite3.Error):
            raise closed(path, error) from error
        raise
    return file


def closed(path: Path, error: Exception) -> LedgerClosedError:
    """What is told of a file that cannot be used."""
    return LedgerClosedError(f"the ledger {path} cannot be used: {error}")


def pico(usd: Decimal | None) -> int | None:
    """Rounded up, so that what is kept is never less than what was spent."""
    return None if usd is None else int((usd * _PICO).to_integral_value(ROUND_CEILING))


def dollars(pico_usd: int) -> Decimal:
    """The other way round, exactly."""
    return (Decimal(pico_usd) / _PICO).normalize() if pico_usd else Decimal(0)


def _known_version(file: sqlite3.Connection, path: Path) -> int:
    version: int = file.execute("PRAGMA user_version").fetchone()[0]
    if not 0 <= version <= VERSION:
        raise LedgerClosedError(
            f"{path} has schema version {version}, this evopipe knows {VERSION}; run the evopipe that wrote "
            "it, or move the file aside: what was spent is then not known any more"
        )
    return version
