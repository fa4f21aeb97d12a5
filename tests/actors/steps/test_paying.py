"""What a call sets aside before it is made, and what becomes of that."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from actors.providers import Billed, Request, TransientError, Usage
from actors.steps.paying import paid
from pipelines.execution import Amount
from tests.support import run


class Notes:
    """A purse that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def reserve(self, amount: Amount) -> tuple[int, ...]:
        return (1,)

    def settle(self, numbers: tuple[int, ...], used: Amount) -> None:
        self.told.append(f"{used.tokens} tokens, {used.cost_usd} USD")

    def release(self, numbers: tuple[int, ...]) -> None:
        self.told.append("released")

    def priced(self, provider: str, model: str | None, input_tokens: int, output_tokens: int) -> Amount:
        return Amount(input_tokens + output_tokens, Decimal(input_tokens + output_tokens) / 100)


def told_of(*, answered: bool = False, error: BaseException | None = None) -> list[str]:
    async def main() -> list[str]:
        notes = Notes()
        try:
            async with paid(notes, "anthropic", Request("hi")) as bill:
                if answered:
                    bill.answered("m", 2, 3, None)
                if error is not None:
                    raise error
        except (TransientError, asyncio.CancelledError):
            pass
        return notes.told

    return run(main())


@pytest.mark.parametrize("error", [None, asyncio.CancelledError()])
def test_an_answer_is_paid_for_also_when_the_step_is_stopped_over_it(error: BaseException | None) -> None:
    assert told_of(answered=True, error=error) == ["5 tokens, 0.05 USD"]


def test_a_call_without_an_answer_gives_back_what_was_set_aside() -> None:
    assert told_of() == ["released"]
    assert told_of(error=asyncio.CancelledError()) == ["released"]
    assert told_of(error=TransientError("timeout", "anthropic", "no answer")) == ["released"]


def test_an_answer_that_cannot_be_used_is_paid_for() -> None:
    error = TransientError("schema_mismatch", "anthropic", "no")
    error.billed = Billed("m", Usage(4, 5), Decimal("0.2"), "a1")
    assert told_of(error=error) == ["9 tokens, 0.2 USD"]
