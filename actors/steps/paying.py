"""What a call may use at most, set aside before it is made, for steps of runs with limits."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from actors.providers import ProviderError, Request
from pipelines.context import most_tokens
from pipelines.execution import Amount

_MARKUP_OF_A_TURN: Final = 16

PriceOf = Callable[[str, str | None, int, int], Decimal | None]
"""Dollars of a call: provider, model as asked for (None: the provider's own), tokens in and out. None: no price."""


def unknown_price(provider: str, model: str | None, input_tokens: int, output_tokens: int) -> Decimal | None:
    """Knows no price; the offline provider costs nothing."""
    return Decimal(0) if provider == "offline" else None


Used = tuple[str | None, int, int, Decimal | None]
"""Of an answered call: model, tokens in and out, dollars as the provider says (None: it does not)."""


class Purse(Protocol):
    """Asks the run for what a call may use."""

    async def reserve(self, amount: Amount) -> tuple[int, ...]:
        """What stands for the amount until it is settled or released. Raises `LimitReachedError`."""
        ...

    def settle(self, numbers: tuple[int, ...], used: Amount) -> None:
        """The call used this much."""
        ...

    def release(self, numbers: tuple[int, ...]) -> None:
        """The call has no answer."""
        ...

    def priced(self, provider: str, model: str | None, input_tokens: int, output_tokens: int) -> Amount:
        """Tokens with their price."""
        ...


@dataclass(frozen=True, slots=True)
class Paid:
    """A call that was answered. `call` names it among those of its step, `answer` is the answer's own name."""

    call: str
    answer: str
    provider: str
    model: str | None
    used: Amount


class Till(Protocol):
    """Asks the node's Treasury for what a call may use."""

    def counts(self, provider: str) -> bool:
        """Whether calls of this provider cost anything."""
        ...

    def priced(self, provider: str, model: str | None, input_tokens: int, output_tokens: int) -> Amount:
        """Tokens with their price."""
        ...

    async def borrow(self, amount: Amount) -> int | None:
        """What stands for the amount until it is settled or given back. Raises `LimitReachedError`,
        `TreasuryUnavailableError`, `BudgetBusyError`."""
        ...

    async def settle(self, lease: int | None, paid: Paid) -> None:
        """The call was answered; durable on return. Told twice for the same answer, it counts once."""
        ...

    def give_back(self, lease: int | None) -> None:
        """The call has no answer."""
        ...


class Bill:
    """What one call used; filled in by who made it."""

    def __init__(self, provider: str, request: Request) -> None:
        self._provider = provider
        self._model = request.model
        self.used: Used | None = None
        self.answer_id = ""

    def answered(
        self,
        model: str | None,
        input_tokens: int,
        output_tokens: int,
        cost_usd: Decimal | None,
    ) -> None:
        """The call has its answer. `answer_id` may be set to the vendor's name for it, where there is one."""
        self.used = (model or self._model, input_tokens, output_tokens, cost_usd)

    def failed(self, error: ProviderError) -> None:
        """The call has failed, perhaps with an answer that cannot be used: that one is paid for like any other."""
        billed = error.billed
        if billed is not None:
            self.answered(billed.model, billed.usage.input_tokens, billed.usage.output_tokens, billed.cost_usd)
            self.answer_id = billed.answer_id


@asynccontextmanager
async def counted(
    till: Till | None, provider: str, request: Request, call: tuple[str, int], more_tokens: int = 0
) -> AsyncGenerator[Bill]:
    """As `paid`, against the budgets of the node. `call` names the call among those of its step, with the number of the
    attempt, which tells answers apart that have no name of their own. What was answered is booked also when the step is
    stopped over it: it is paid for. Raises `LimitReachedError`, `TreasuryUnavailableError`, `BudgetBusyError`."""
    bill = Bill(provider, request)
    if till is None or not till.counts(provider):
        yield bill
        return
    most = till.priced(provider, request.model, most_input_tokens(request) + more_tokens, request.max_tokens)
    lease = await till.borrow(most)
    try:
        yield bill
    except ProviderError as error:
        bill.failed(error)
        raise
    finally:
        if bill.used is None:
            till.give_back(lease)
        else:
            name, attempt = call
            answer = bill.answer_id or f"attempt {attempt}"
            await till.settle(
                lease, Paid(name, answer, provider, bill.used[0], _spent(till, provider, bill.used, most))
            )


@asynccontextmanager
async def paid(purse: Purse | None, provider: str, request: Request, more_tokens: int = 0) -> AsyncGenerator[Bill]:
    """Sets aside what the call inside may use at most, and settles it with what the bill says, or with what a
    `ProviderError` says of an answer that cannot be used; without an answer nothing was used. `more_tokens` go along
    that the request does not show. Raises `LimitReachedError`."""
    bill = Bill(provider, request)
    if purse is None:
        yield bill
        return
    most = purse.priced(provider, request.model, most_input_tokens(request) + more_tokens, request.max_tokens)
    numbers = await purse.reserve(most)
    try:
        yield bill
    except ProviderError as error:
        bill.failed(error)
        raise
    finally:
        if bill.used is None:
            purse.release(numbers)
        else:
            purse.settle(numbers, _spent(purse, provider, bill.used, most))


def _spent(book: Purse | Till, provider: str, used: Used, most: Amount) -> Amount:
    """What a call has really cost: as the provider says, else by the price list, else what was set aside for it."""
    model, input_tokens, output_tokens, cost_usd = used
    priced = book.priced(provider, model, input_tokens, output_tokens)
    if cost_usd is None:
        cost_usd = most.cost_usd if priced.cost_usd is None else priced.cost_usd
    return Amount(priced.tokens, cost_usd)


def most_input_tokens(request: Request) -> int:
    """The upper bound of what goes in: all turns, the system's text, the schema and the functions."""
    texts = [request.system or ""]
    for turn in request.turns:
        texts.append(turn.text)
        texts += [json.dumps(dict(call.arguments), ensure_ascii=False, default=str) for call in turn.calls]
        texts += [json.dumps(dict(result.output), ensure_ascii=False, default=str) for result in turn.results]
    if request.json_schema is not None:
        texts.append(json.dumps(dict(request.json_schema), ensure_ascii=False, default=str))
    for each in request.functions:
        texts.append(f"{each.name} {each.description} {json.dumps(dict(each.parameters), default=str)}")
    return sum(most_tokens(text) + _MARKUP_OF_A_TURN for text in texts)
