"""Adding up what steps spent, from results alone, so that a resumed run counts the same as one that never stopped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from pydantic import JsonValue


class Spending:
    """A sum of tokens and money. `cost_usd` is None until a result says a cost."""

    __slots__ = ("cost", "input_tokens", "output_tokens")

    def __init__(self) -> None:
        self.input_tokens = 0
        self.output_tokens = 0
        self.cost: Decimal | None = None

    def add(self, result: JsonValue) -> None:
        """Counts one step's result; results without `usage` count nothing."""
        if not isinstance(result, Mapping) or "usage" not in result:
            return
        usage = result["usage"]
        if isinstance(usage, Mapping):
            self.input_tokens += _count(usage.get("input_tokens"))
            self.output_tokens += _count(usage.get("output_tokens"))
        cost = result.get("cost_usd")
        if isinstance(cost, str | int | float) and not isinstance(cost, bool):
            try:
                amount = Decimal(str(cost))
            except InvalidOperation:
                return  # a step's own data under a provider's key; not money
            if amount.is_finite() and amount >= 0:
                self.cost = (self.cost or Decimal(0)) + amount

    def add_all(self, results: Iterable[JsonValue]) -> None:
        """Counts several results."""
        for result in results:
            self.add(result)

    @property
    def usage(self) -> dict[str, int]:
        """Tokens by direction."""
        return {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}

    @property
    def cost_usd(self) -> str | None:
        """The money as decimal text."""
        return None if self.cost is None else str(self.cost)


class RunSpending(Spending):
    """The sum over all steps of a run, those inside loops and nested pipelines too, by the paths of the journal."""

    __slots__ = ("_counted",)

    def __init__(self) -> None:
        super().__init__()
        self._counted: set[str] | None = None  # thousands of runs live at once, and few steps say a usage

    def count(self, key: str, result: JsonValue) -> None:
        """Counts the step at this path, the first time only."""
        if not isinstance(result, Mapping) or "usage" not in result:
            return
        if self._counted is None:
            self._counted = set()
        if key not in self._counted:
            self._counted.add(key)
            self.add(result)

    def with_one(self, key: str, result: JsonValue) -> Spending:
        """The sum with this step too, which it does not count itself."""
        total = Spending()
        total.input_tokens, total.output_tokens, total.cost = self.input_tokens, self.output_tokens, self.cost
        if key not in (self._counted or ()):
            total.add(result)
        return total


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
