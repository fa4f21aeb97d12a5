"""The money: what a dead node's ledger has booked, and what must hold of it beside the calls that were made."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from actors.providers import PriceList, Usage
from runtime.settings import shipped_text
from tests.crash.load import BOUND
from tests.crash.provider import Made

_PICO = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class Booked:
    """One row: `key` is the idempotency key of the call that it pays for."""

    key: str
    answer: str
    day: str
    at: float
    pipeline: str
    model: str
    tokens: int
    pico_usd: int | None


def booked_in(path: Path) -> tuple[Booked, ...]:
    """The rows of a ledger's file; none where there is no ledger yet."""
    if not path.exists():
        return ()
    with closing(sqlite3.connect(path)) as connection:
        try:
            rows = connection.execute(
                "SELECT run, step, call, answer, day, at, pipeline, model, tokens, pico_usd FROM charges"
            ).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # killed before it had made its tables
                return ()
            raise
    return tuple(Booked(_key(*row[:3]), *row[3:]) for row in rows)


def spent_in_a_day(booked: Collection[Booked], pipeline: str) -> int:
    """The most tokens that the ledger says a pipeline has used on any one day."""
    days = Counter[str]()
    for row in booked:
        if row.pipeline == pipeline:
            days[row.day] += row.tokens
    return max(days.values(), default=0)


def over_the_limit(booked: Collection[Booked], limit: int) -> Iterator[str]:
    """That the bounded pipeline never got more than it was allowed so far."""
    used = spent_in_a_day(booked, BOUND.partition("/")[2])
    if used > limit:
        yield f"{BOUND} has spent {used} tokens of {limit}"


def not_paid_for(booked: Collection[Booked], recorded: Collection[str], made: Sequence[Made]) -> Iterator[str]:
    """That the answers (their marks) which runs rely on are booked: a step goes on only after that."""
    paid = {row.key for row in booked}
    for call in made:
        if call.mark in recorded and call.key not in paid:
            yield f"{call.mark} is recorded, and nobody has paid for it"


def misbooked(booked: Collection[Booked], made: Sequence[Made], unsettled: Collection[str] = ()) -> Iterator[str]:
    """That at the end each call is booked once, at its price. `unsettled` are marks of calls that were cut off and
    whose runs ended without their answers."""
    calls = {call.key: call for call in made}
    rows: Mapping[str, int] = Counter(row.key for row in booked)
    for key, count in rows.items():
        if count > 1:
            yield f"{key} is booked {count} times"
    for key in sorted(rows.keys() - calls.keys()):
        yield f"{key} is booked, and nobody made that call"
    for key in sorted(calls.keys() - rows.keys()):
        if calls[key].mark not in unsettled:
            yield f"{key} was made and never booked"
    prices = PriceList.from_yaml(shipped_text("models.yaml"))
    for row in booked:
        if row.key in calls:
            tokens = calls[row.key].tokens
            usd = prices.cost_usd(row.model, Usage(*tokens), row.at)
            pico = None if usd is None else int(usd * _PICO)
            if (row.tokens, row.pico_usd) != (sum(tokens), pico) or not pico:
                yield f"{row.key} is booked as {row.tokens} tokens, {row.pico_usd} and not {sum(tokens)}, {pico}"


def _key(run: str, step: str, call: str) -> str:
    # As `StepContext.keyed` makes it; a session's call is called "turn" in the ledger and nothing in its key.
    return f"{run}:{step}" if call in ("", "turn") else f"{run}:{step}:{call}"
