"""Old charges leave the ledger: those of runs that have ended and that nobody can let go on. Blocking code.

A limit of a run or a step counts everything that the run has ever paid for, also over a resumption. So what did not
succeed keeps its charges for as long as its run may be resumed, and no charge of a run goes before all of them may.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, timedelta

from actors.treasury.ledger_schema import OPEN_RUNS

_DUE = (
    f"SELECT run FROM runs WHERE NOT {OPEN_RUNS} AND at < CASE status WHEN 'succeeded' THEN :before ELSE :others END"
    " AND NOT EXISTS (SELECT 1 FROM charges WHERE charges.run = runs.run"
    " AND (charges.at >= :before OR charges.day >= :today)) LIMIT :limit"
)
_OF_RUN = "SELECT step, call, answer, day FROM charges WHERE run = ? LIMIT ?"
_DELETE = "DELETE FROM charges WHERE run = ? AND step = ? AND call = ? AND answer = ?"


@dataclass(frozen=True, slots=True)
class Pruning:
    """What is due: charges of runs that succeeded, all of it before that Unix time, and of others (failed, cancelled)
    that ended before `others` (None: none); nothing of the budgets' day `today` or later. At most `limit` charges."""

    before: float
    others: float | None
    today: date
    limit: int


def prune(file: sqlite3.Connection, due: Pruning) -> int:
    """How many charges were deleted, in the caller's transaction; fewer than the limit: there are no more."""
    times = {"before": due.before, "others": -1.0 if due.others is None else due.others}
    runs = file.execute(_DUE, {**times, "today": due.today.isoformat(), "limit": due.limit}).fetchall()
    left, newest = due.limit, ""
    for (run,) in runs:
        charges = file.execute(_OF_RUN, (run, left)).fetchall()
        file.executemany(_DELETE, ((run, step, call, answer) for step, call, answer, _ in charges))
        newest = max([newest, *(day for *_, day in charges)])
        left -= len(charges)
        if left == 0:  # the run itself goes once it is known that this was its last charge
            break
        file.execute("DELETE FROM runs WHERE run = ?", (run,))
    if newest:
        _say_whole_from((date.fromisoformat(newest) + timedelta(days=1)).isoformat(), file)
    return due.limit - left


def whole_from(file: sqlite3.Connection) -> str:
    """The first UTC day (YYYY-MM-DD) from which on no charge was ever deleted; empty: none was."""
    row = file.execute("SELECT whole_from FROM pruned").fetchone()
    return "" if row is None else str(row[0])


def _say_whole_from(day: str, file: sqlite3.Connection) -> None:
    file.execute(
        "INSERT INTO pruned VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET whole_from = max(whole_from, ?)", (day, day)
    )
