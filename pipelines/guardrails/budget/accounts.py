"""Limits, who pays, and what was used.

Accounts are daily (`day`, `tenant/NAME`, `tier/NAME`, `pipeline/NAME`, `class/NAME`) or live as long as what they are
of (`run/TIER` of one run, `step/CLASS` of one step). A limit at `tenant/*` holds for every tenant without its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from msgspec import Struct

NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Bound:
    """What an account may use at most; None: no limit of that kind."""

    usd: Decimal | None = None
    tokens: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it bounds nothing."""
        return self.usd is None and self.tokens is None

    def scaled(self, share: Decimal) -> Bound:
        """That share of it; tokens are rounded down."""
        usd = None if self.usd is None else self.usd * share
        return Bound(usd, None if self.tokens is None else int(self.tokens * share))


UNBOUNDED: Final = Bound()


class Payer(Struct, frozen=True):
    """Whose call it is: everything that decides which accounts pay."""

    tenant: str
    tier: str
    pipeline: str
    step_class: str
    run: str
    step: str

    def daily(self) -> tuple[AccountName, ...]:
        """The daily accounts that pay, the widest first."""
        return (
            AccountName("day"),
            AccountName(f"tenant/{self.tenant}"),
            AccountName(f"tier/{self.tier}"),
            AccountName(f"pipeline/{self.pipeline}"),
            AccountName(f"class/{self.step_class}"),
        )

    def passing(self) -> tuple[AccountName, AccountName]:
        """The accounts of its run and of its step."""
        return (
            AccountName(f"run/{self.tier}", self.run),
            AccountName(f"step/{self.step_class}", f"{self.run}:{self.step}"),
        )


@dataclass(frozen=True, slots=True)
class AccountName:
    """The path of its limit; `of` tells apart those that share it and live no longer than a run."""

    path: str
    of: str = ""

    def __str__(self) -> str:
        return self.path if not self.of else f"{self.path} of {self.of}"


@dataclass(slots=True, eq=False)
class Account:
    """What was used, and the bound that holds. `unpriced` calls had no known price: their tokens are here, their
    dollars are not known. `alerted` is the highest share of the bound that was told. `run` is whose it is, unless it is
    a daily one; `share` what a run was trusted with as it began."""

    name: AccountName
    bound: Bound = UNBOUNDED
    run: str = ""
    share: Decimal | None = None
    tokens: int = 0
    cost: Decimal = NOTHING
    reserved_tokens: int = 0
    reserved_cost: Decimal = NOTHING
    unpriced: int = 0
    overruns: int = 0
    alerted: Decimal = NOTHING

    @property
    def used_share(self) -> Decimal:
        """The larger of the shares of its limits that are spent; a limit of nothing is used up."""
        bound, shares = self.bound, [NOTHING]
        if bound.usd is not None:
            shares.append(self.cost / bound.usd if bound.usd else Decimal(1))
        if bound.tokens is not None:
            shares.append(Decimal(self.tokens) / bound.tokens if bound.tokens else Decimal(1))
        return max(shares)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is reserved in it."""
        return not self.reserved_tokens and not self.reserved_cost

    @property
    def is_unused(self) -> bool:
        """Whether nothing was ever spent of it, and nothing is reserved."""
        return self.is_idle and not (self.tokens or self.cost or self.unpriced)

    def clear(self) -> None:
        """Nothing is spent any more; what is reserved stays so."""
        self.tokens, self.cost = 0, NOTHING
        self.unpriced = self.overruns = 0
        self.alerted = NOTHING
