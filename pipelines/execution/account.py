"""One account of a run's budget: what its limits allow, what is spent of them and what is set aside.

An account stands at the path of the pipeline (or step) that it bounds; "" is the run's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from pydantic import JsonValue

from pipelines.execution.limits import LIMIT_REACHED, UNKNOWN_PRICE, LimitReachedError, plain
from pipelines.language import Limits

NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens, and dollars; None where no price is known."""

    tokens: int = 0
    cost_usd: Decimal | None = NOTHING


@dataclass(slots=True, eq=False)
class Account:
    """One pipeline's limits, and what was used of them. `steps` were started, the rest is spent or set aside."""

    path: str
    limits: Limits
    pipelines: tuple[str, ...]
    steps: int = 0
    tokens: int = 0
    cost: Decimal = NOTHING
    set_aside_tokens: int = 0
    set_aside_cost: Decimal = NOTHING

    def refuse(self, amount: Amount) -> LimitReachedError | None:
        """Why this may not be spent."""
        most = self.limits.max_tokens
        if most is not None and self.tokens + self.set_aside_tokens + amount.tokens > most:
            used = self.tokens + self.set_aside_tokens
            return self._reached("max_tokens", most, used, f"{amount.tokens} more tokens may be needed")
        dollars = self.limits.max_cost_usd
        if dollars is None:
            return None
        if amount.cost_usd is None:
            chain = " → ".join(self.pipelines)
            message = (
                f"max_cost_usd is {dollars} ({chain}) and no price is known for the model, so the call was not made. "
                "Fix: name a model with a price, add it to config/models.yaml, or limit max_tokens instead"
            )
            return self._error(message, "max_cost_usd", dollars, self.cost, UNKNOWN_PRICE)
        if self.cost + self.set_aside_cost + amount.cost_usd > dollars:
            used = self.cost + self.set_aside_cost
            return self._reached("max_cost_usd", dollars, used, f"the next call may cost {amount.cost_usd} USD")
        return None

    def refuse_steps(self, number: int) -> LimitReachedError | None:
        """Why so many further steps may not be started."""
        most = self.limits.max_steps
        if most is None or self.steps + number <= most:
            return None
        wanted = "another one is ready" if number == 1 else f"{number} more are to be entered"
        return self._reached("max_steps", most, self.steps, wanted)

    def charge(self, used: Amount) -> None:
        """So much was spent, allowed or not."""
        self.tokens += used.tokens
        self.cost += used.cost_usd or NOTHING

    def _reached(self, limit: str, value: object, used: object, wanted: str) -> LimitReachedError:
        chain = " → ".join(self.pipelines)
        message = f"{limit} of {plain(value)} reached ({chain}): {plain(used)} used or set aside, {wanted}"
        return self._error(message, limit, value, used, LIMIT_REACHED)

    def _error(self, message: str, limit: str, value: object, used: object, code: str) -> LimitReachedError:
        return LimitReachedError(
            message,
            limit=limit,
            value=value,
            spent=used,
            pipelines=self.pipelines,
            account=self.path,
            code=code,
        )


def amount_of(result: JsonValue) -> Amount:
    """What a result says its step used."""
    if not isinstance(result, Mapping) or "usage" not in result:  # asked so, since a lost result tells no more
        return Amount()
    usage, cost = result.get("usage"), result.get("cost_usd")
    if not isinstance(usage, Mapping):
        return Amount()
    counted = [usage.get(name) for name in ("input_tokens", "output_tokens")]
    tokens = sum(each for each in counted if isinstance(each, int) and not isinstance(each, bool) and each > 0)
    try:
        dollars = Decimal(str(cost)) if isinstance(cost, str | int | float) else NOTHING
    except InvalidOperation:
        dollars = NOTHING
    return Amount(tokens, dollars if dollars.is_finite() and dollars > 0 else NOTHING)
