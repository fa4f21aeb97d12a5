"""Whether an account has room for a call, and the words for it when it has none."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pipelines.execution import Amount
from pipelines.guardrails.budget.accounts import Account, AccountName
from pipelines.guardrails.budget.plan import Rules

Why = Literal["limit", "unknown_price", "emergency_stop"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was reserved. `passing`: only other calls' reservations are in the way, so it may fit later."""

    why: Why
    account: AccountName
    unit: Literal["usd", "tokens"]
    limit: Decimal | int
    spent: Decimal | int
    reserved: Decimal | int
    wanted: Decimal | int | None
    passing: bool = False

    @property
    def left(self) -> Decimal | int:
        """What may still be reserved; never below zero."""
        return max(type(self.limit)(0), self.limit - self.spent - self.reserved)

    def __str__(self) -> str:
        unit = "USD" if self.unit == "usd" else "tokens"
        state = f"{self.spent} spent, {self.reserved} reserved, {self.left} left of {self.limit} {unit}"
        match self.why:
            case "limit":
                return f"the budget '{self.account}' has no room for up to {self.wanted} {unit} more: {state}"
            case "unknown_price":
                return f"no price is known for the model and the budget '{self.account}' counts dollars ({state})"
            case "emergency_stop":
                return f"the emergency stop of the budget '{self.account}' holds: {state}"


def lacks(account: Account, amount: Amount, rules: Rules) -> Refusal | None:
    """Why the account has no room for the amount; None when it has."""
    of_tokens, of_dollars = _lacks_tokens(account, amount), _lacks_dollars(account, amount, rules)
    # What is spent goes before what others may give back: nobody waits for a call that can never be made.
    if of_tokens is None or (of_tokens.passing and of_dollars is not None and not of_dollars.passing):
        return of_dollars
    return of_tokens


def _lacks_tokens(account: Account, amount: Amount) -> Refusal | None:
    bound, spent, reserved, wanted = account.bound, account.tokens, account.reserved_tokens, amount.tokens
    if bound.tokens is None or spent + reserved + wanted <= bound.tokens:
        return None
    passing = spent + wanted <= bound.tokens
    return Refusal("limit", account.name, "tokens", bound.tokens, spent, reserved, wanted, passing)


def _lacks_dollars(account: Account, amount: Amount, rules: Rules) -> Refusal | None:
    bound, name = account.bound, account.name
    if bound.usd is None:
        return None
    cost, held = account.cost, account.reserved_cost
    if amount.cost_usd is None:
        if rules.allow_unknown_price:
            return None
        return Refusal("unknown_price", name, "usd", bound.usd, cost, held, None)
    if cost + held + amount.cost_usd > bound.usd:
        passing = cost + amount.cost_usd <= bound.usd
        return Refusal("limit", name, "usd", bound.usd, cost, held, amount.cost_usd, passing)
    return None


def stop_of(account: Account, rules: Rules) -> Refusal | None:
    """Whether the emergency stop of this account holds."""
    bound = account.bound
    # A share of one is no stop of its own: the limit itself says the same more exactly.
    if rules.stop_share >= 1:
        return None
    if bound.usd is not None and account.cost >= bound.usd * rules.stop_share:
        return Refusal("emergency_stop", account.name, "usd", bound.usd, account.cost, account.reserved_cost, None)
    if bound.tokens is not None and account.tokens >= bound.tokens * rules.stop_share:
        spent, reserved = account.tokens, account.reserved_tokens
        return Refusal("emergency_stop", account.name, "tokens", bound.tokens, spent, reserved, None)
    return None


def reached(account: Account, rules: Rules) -> Decimal:
    """The highest share among those to be told that the account has reached; 0 for none."""
    if account.bound.is_open:
        return Decimal(0)
    used = account.used_share
    return max((share for share in rules.alerts if share <= used), default=Decimal(0))
