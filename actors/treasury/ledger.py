"""The ledger's file: what calls have cost, written in groups, each group one synced transaction. Blocking code.

A file that is damaged or written by a newer evopipe is refused with its reason and left as it is.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from actors.treasury.ledger_pruning import Pruning, prune
from actors.treasury.ledger_reading import Kept, Used, day_in, of_runs, read_all
from actors.treasury.ledger_schema import OPEN_RUNS, closed, open_ledger, pico
from actors.treasury.messages import Charge, ChargeKey
from pipelines.guardrails.allocation import Allocation
from pipelines.guardrails.budget import Bound, BudgetDay

_BEGUN = (
    "INSERT OR IGNORE INTO runs (run, status, at, share)"
    " VALUES (?, 'running', ?, (SELECT share FROM shares WHERE pipeline = ?))"
)
_ENDED = (
    "INSERT INTO runs (run, status, at) VALUES (?, ?, ?)"
    " ON CONFLICT (run) DO UPDATE SET status = excluded.status, at = excluded.at"
)


@dataclass(frozen=True, slots=True)
class Group:
    """What is written at once. `ended` are runs with how they ended, `at` is Unix time."""

    charges: Sequence[Charge]
    ended: Mapping[str, str]
    day: BudgetDay
    at: float


@dataclass(frozen=True, slots=True)
class Written:
    """What one group did: the charges that were new, and the shares that changed."""

    new: frozenset[ChargeKey]
    shares: Mapping[str, Decimal]


class Ledger:
    """One connection, used by one thread at a time. Every method raises `LedgerClosedError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_ledger(path)
        self._day: BudgetDay | None = None

    def close(self) -> None:
        """Gives the file back."""
        self._file.close()

    def read(self, today: date, known: BudgetDay | None) -> Kept:
        """All that the Treasury has to know at its start."""
        try:
            return read_all(self._file, today, known)
        except (sqlite3.Error, ValueError, ArithmeticError) as error:
            raise closed(self._path, error) from error

    def day_of(self, today: date) -> BudgetDay:
        """The day that holds when the clock shows this date."""
        try:
            return day_in(self._file, today)
        except (sqlite3.Error, ValueError) as error:
            raise closed(self._path, error) from error

    def reopen(self, runs: Collection[str]) -> tuple[Used, ...]:
        """These runs go on, though some had ended: what they had used before."""
        with self._transaction():
            for run in runs:
                self._file.execute(f"UPDATE runs SET status = 'reopened' WHERE run = ? AND NOT {OPEN_RUNS}", (run,))
            return tuple(of_runs(self._file, runs))

    def write(self, group: Group, rule: Allocation) -> Written:
        """Keeps the group; it is on the disk when this returns. What is there already stays."""
        with self._transaction():
            new = frozenset(each.key for each in group.charges if self._insert(each, group))
            for run, pipeline in {(each.payer.run, each.payer.pipeline) for each in group.charges}:
                self._file.execute(_BEGUN, (run, group.at, pipeline))
            shares: dict[str, Decimal] = {}
            for run, status in group.ended.items():
                shares.update(self._end(run, status, group.at, rule))
            if group.day != self._day:
                words = (group.day.day.isoformat(), group.day.seen.isoformat())
                self._file.execute("INSERT OR REPLACE INTO today VALUES (1, ?, ?)", words)
        self._day = group.day
        return Written(new, shares)

    def set_limit(self, path: str, bound: Bound | None, who: str, reason: str, at: float) -> None:
        """Keeps the limit and the fact that it was set."""
        usd = None if bound is None or bound.usd is None else str(bound.usd)
        tokens = None if bound is None else bound.tokens
        with self._transaction():
            self._file.execute("DELETE FROM limits WHERE path = ?", (path,))
            if bound is not None:
                self._file.execute("INSERT INTO limits VALUES (?, ?, ?)", (path, usd, tokens))
            self._file.execute(
                "INSERT INTO changes (path, usd, tokens, cleared, who, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (path, usd, tokens, int(bound is None), who, reason, at),
            )

    def forget(self, due: Pruning) -> int:
        """Deletes old charges; how many."""
        with self._transaction():
            return prune(self._file, due)

    # ---- inside --------------------------------------------------------------------------------------------

    def _insert(self, charge: Charge, group: Group) -> bool:
        payer, used = charge.payer, charge.used
        done = self._file.execute(
            "INSERT OR IGNORE INTO charges VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(*charge.key, group.day.day.isoformat(), group.at),
                *(payer.tenant, payer.tier, payer.pipeline, payer.step_class),
                *(charge.provider, charge.model, used.tokens, pico(used.cost_usd)),
            ),
        )
        return done.rowcount == 1

    def _end(self, run: str, status: str, at: float, rule: Allocation) -> dict[str, Decimal]:
        row = self._file.execute("SELECT status FROM runs WHERE run = ?", (run,)).fetchone()
        before = None if row is None else row[0]
        self._file.execute(_ENDED, (run, status, at))
        # A failure that is let go on and comes to nothing again is one failure.
        counted = before == status or (before, status) == ("reopened", "failed")
        payer = self._file.execute("SELECT pipeline FROM charges WHERE run = ? LIMIT 1", (run,)).fetchone()
        if counted or payer is None or status == "cancelled":
            return {}
        known = self._file.execute("SELECT share FROM shares WHERE pipeline = ?", payer).fetchone()
        share = rule.after(rule.start if known is None else Decimal(known[0]), succeeded=status == "succeeded")
        self._file.execute("INSERT OR REPLACE INTO shares VALUES (?, ?)", (*payer, str(share)))
        return {payer[0]: share}

    @contextmanager
    def _transaction(self) -> Generator[None]:
        try:
            self._file.execute("BEGIN IMMEDIATE")
            yield
            self._file.execute("COMMIT")
        except (sqlite3.Error, OverflowError) as error:  # the latter: a number that no vendor could mean
            with contextlib.suppress(sqlite3.Error):  # the next use says what is wrong
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
            raise closed(self._path, error) from error
