"""What pipelines really cost, and from how many runs on they are worth it.

    cost per success   = dollars of all runs, failed ones too / successful runs
    review per success = review minutes / 60 * hourly rate * all runs / successful runs
    value per success  = saved minutes / 60 * hourly rate
    net per success    = value - cost - review
    fixed              = development hours * hourly rate
    break-even         = fixed / net per success, rounded up; never, where the net is not above zero

What a run saves is a person's judgement and is given, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

_HOUR = Decimal(60)


@dataclass(frozen=True, slots=True)
class PipelineCost:
    """What the books say of one pipeline. `unpriced_calls` cost something that nobody knows."""

    pipeline: str
    runs: int
    succeeded: int
    failed: int
    calls: int
    tokens: int
    usd: Decimal
    unpriced_calls: int = 0

    @property
    def usd_per_run(self) -> Decimal | None:
        """Over all runs that paid for a call; None without any."""
        return self.usd / self.runs if self.runs else None

    @property
    def usd_per_success(self) -> Decimal | None:
        """What failed runs cost is paid by those that succeeded; None without any."""
        return self.usd / self.succeeded if self.succeeded else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person says: minutes that one successful run saves, dollars of an hour of theirs, minutes that they look
    at each run, hours that went into making the pipeline."""

    saved_minutes: Decimal
    hourly_usd: Decimal
    review_minutes: Decimal = Decimal(0)
    development_hours: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Dollars of one successful run; `runs` is None where it never pays. `so_far` is the balance up to now."""

    value: Decimal
    cost: Decimal
    review: Decimal
    net: Decimal
    fixed: Decimal
    runs: int | None
    so_far: Decimal


def break_even(cost: PipelineCost, said: Judgement) -> BreakEven | None:
    """None where no run has succeeded: nothing can be said then."""
    paid = cost.usd_per_success
    if paid is None:
        return None
    value = said.saved_minutes / _HOUR * said.hourly_usd
    review = said.review_minutes / _HOUR * said.hourly_usd * cost.runs / cost.succeeded
    net = value - paid - review
    fixed = said.development_hours * said.hourly_usd
    runs = int((fixed / net).to_integral_value(ROUND_CEILING)) if net > 0 else None
    return BreakEven(value, paid, review, net, fixed, runs, net * cost.succeeded - fixed)
