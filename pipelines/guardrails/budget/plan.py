"""What the settings say of budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from pipelines.guardrails.allocation import Allocation
from pipelines.guardrails.budget.accounts import Bound


@dataclass(frozen=True, slots=True)
class Rules:
    """`alerts`: shares of a limit that are told when they are reached. At `stop_share` of the day's limit no further
    call is begun. `allow_unknown_price`: such calls are made also where dollars are limited, and are counted apart.
    `first_share`: the share of a run's limit that a pipeline without a history is trusted with."""

    alerts: tuple[Decimal, ...] = (Decimal("0.5"), Decimal("0.75"), Decimal("0.9"))
    stop_share: Decimal = Decimal(1)
    allow_unknown_price: bool = False
    first_share: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """Limits by path, rules, how trust grows, and how many seconds a call waits for room that other calls'
    reservations take."""

    limits: Mapping[str, Bound] = field(default_factory=dict[str, Bound])
    rules: Rules = field(default_factory=Rules)
    allocation: Allocation = field(default_factory=Allocation)
    busy_wait_s: float = 60.0
