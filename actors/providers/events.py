"""What a provider call leaves on the kernel's event bus, for metrics and logs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ProviderCalled:
    """One finished call of a provider, published once a call by the connection that made it.

    `outcome` is "ok" or "error"; `error_class` is then "transient", "refused", "spent" or "unavailable"
    (and None for "ok"). `cost_usd` is None where the price is not known.
    """

    provider: str
    model: str
    outcome: str
    error_class: str | None
    duration_s: float
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class CallQueued:
    """A call has to wait for its turn; `waiting` are those that wait now, with it. Published by the pool."""

    provider: str
    waiting: int


@dataclass(frozen=True, slots=True)
class CallWaited:
    """A call that had to wait does so no more, after `waited_s`: `outcome` is "served" or "left" (its time was over, or
    its caller has gone). `waiting` are those that still wait."""

    provider: str
    outcome: str
    waited_s: float
    waiting: int


@dataclass(frozen=True, slots=True)
class CallTurnedAway:
    """A call was not made: `why` is "breaker_open", "rate_limited", "pool_full" or "no_connection"."""

    provider: str
    why: str
