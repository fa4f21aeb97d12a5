"""Looks through the ledger's file and says what is wrong in it. Reads only; a node may use the file. Blocking code."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from actors.treasury.ledger_schema import VERSION

_MOST: Final = 100
_DAY: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"


def flaws_of_ledger(connection: sqlite3.Connection) -> Iterator[str]:
    """What the rows say that no Treasury wrote, at most 100 a kind. Raises `sqlite3.Error` for what cannot be read."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= VERSION:
        yield f"it has schema version {version}, this evopipe knows {VERSION}"
    if version != VERSION:
        return  # an older one is brought up to date by the next node
    wrong = "SELECT run, step, day, tokens, pico_usd FROM charges WHERE tokens < 0 OR pico_usd < 0 OR day NOT GLOB ?"
    for run, step, day, tokens, pico in connection.execute(f"{wrong} LIMIT ?", (_DAY, _MOST)):
        yield f"run {run}, step {step}: no call is charged with {tokens} tokens and {pico} picodollars on {day!r}"
    for (run,) in connection.execute(
        "SELECT DISTINCT run FROM charges WHERE run NOT IN (SELECT run FROM runs) LIMIT ?", (_MOST,)
    ):
        yield f"run {run} is charged, but not among the runs that have paid for a call"
    for (day,) in connection.execute("SELECT whole_from FROM pruned WHERE whole_from NOT GLOB ?", (_DAY,)):
        yield f"pruned: {day!r} is no day"
    for table, key, column in (("limits", "path", "usd"), ("shares", "pipeline", "share")):
        found = connection.execute(f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL")
        for name, text in found:
            if not _is_amount(text):
                yield f"{table}: {name}: {text!r} is no amount"


def _is_amount(text: str) -> bool:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return False
    return amount.is_finite() and amount >= 0
