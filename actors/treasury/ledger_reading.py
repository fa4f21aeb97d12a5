"""What the Treasury has to know of its ledger: at its start, and of runs that go on after they had ended. Blocking."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from actors.treasury.ledger_schema import OPEN_RUNS, dollars
from pipelines.execution import Amount
from pipelines.guardrails.budget import AccountName, Bound, BudgetDay, Calendar

_SUMS = "sum(tokens), coalesce(sum(pico_usd), 0), sum(pico_usd IS NULL)"


@dataclass(frozen=True, slots=True)
class Used:
    """What was spent of one account; `run` is whose it is, unless it is a daily one, and `share` what that
    run was trusted with as it began (None: as a pipeline without a history)."""

    name: AccountName
    amount: Amount
    unpriced: int
    run: str = ""
    share: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file says: the day that holds, what was used of it and by runs that go on."""

    day: BudgetDay
    used: tuple[Used, ...]
    limits: Mapping[str, Bound]
    shares: Mapping[str, Decimal]
    open_runs: frozenset[str]


def read_all(file: sqlite3.Connection, today: date, known: BudgetDay | None) -> Kept:
    """`today` is the date by the clock, `known` the day that this life of the node is in already."""
    day = known or day_in(file, today)
    open_runs = frozenset(row[0] for row in file.execute(f"SELECT run FROM runs WHERE {OPEN_RUNS}"))
    return Kept(
        day,
        (*_of_day(file, day.day.isoformat()), *of_runs(file, open_runs)),
        {
            path: Bound(None if usd is None else Decimal(usd), tokens)
            for path, usd, tokens in file.execute("SELECT path, usd, tokens FROM limits")
        },
        {name: Decimal(share) for name, share in file.execute("SELECT pipeline, share FROM shares")},
        open_runs,
    )


def day_in(file: sqlite3.Connection, today: date) -> BudgetDay:
    """The day that holds by what is kept, when the clock shows this date."""
    newest = file.execute("SELECT max(day) FROM charges").fetchone()[0]
    row = file.execute("SELECT day, seen FROM today").fetchone()
    kept = None if row is None else BudgetDay(date.fromisoformat(row[0]), date.fromisoformat(row[1]))
    if newest is not None and (kept is None or date.fromisoformat(newest) > kept.day):
        kept = BudgetDay(date.fromisoformat(newest), min(date.fromisoformat(newest), today))
    return Calendar.at_start(kept, today)


def of_runs(file: sqlite3.Connection, runs: Iterable[str]) -> list[Used]:
    """What these runs and their steps have used, ever."""
    found: list[Used] = []
    for run in runs:
        rows = file.execute(
            f"SELECT tier, class, step, {_SUMS} FROM charges WHERE run = ? GROUP BY tier, class, step", (run,)
        ).fetchall()
        trusted = file.execute("SELECT share FROM runs WHERE run = ? AND share IS NOT NULL", (run,)).fetchone()
        share = None if trusted is None else Decimal(trusted[0])
        whole: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for tier, kind, step, *sums in rows:
            found.append(_used(AccountName(f"step/{kind}", f"{run}:{step}"), sums, run, share))
            whole[tier] = [a + b for a, b in zip(whole[tier], sums, strict=True)]
        found += [_used(AccountName(f"run/{tier}", run), sums, run, share) for tier, sums in whole.items()]
    return found


def _of_day(file: sqlite3.Connection, day: str) -> list[Used]:
    rows = file.execute(
        f"SELECT tenant, tier, pipeline, class, {_SUMS} FROM charges WHERE day = ? GROUP BY 1, 2, 3, 4", (day,)
    )
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for tenant, tier, pipeline, kind, *some in rows:
        for path in ("day", f"tenant/{tenant}", f"tier/{tier}", f"pipeline/{pipeline}", f"class/{kind}"):
            sums[path] = [a + b for a, b in zip(sums[path], some, strict=True)]
    return [_used(AccountName(path), some) for path, some in sums.items()]


def _used(name: AccountName, sums: Sequence[int], run: str = "", share: Decimal | None = None) -> Used:
    return Used(name, Amount(sums[0], dollars(sums[1])), sums[2], run, share)
