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
