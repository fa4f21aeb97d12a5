"""Calls that wait for room: in turn at each budget, and nobody behind somebody else's."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.kernel import ManualClock
from actors.steps import BudgetBusyError, Paid
from actors.treasury import BudgetLeft
from actors.treasury.till import PATIENCE_S
from pipelines.execution import Amount, LimitReachedError
from pipelines.guardrails.budget import Bound
from tests.actors.treasury_for_tests import Bank, bank, paid, until
from tests.support import run


async def asks(each: Bank, tokens: int, **who: Any) -> asyncio.Task[int | None]:
    """A call that waits by now."""
    before = (await each.view()).waiting
    asking = asyncio.create_task((await each.till(**who)).borrow(Amount(tokens, Decimal(0))))

    async def waits() -> bool:
        return (await each.view()).waiting > before

    await until(waits)
    return asking


def test_who_came_first_gets_the_room_first_also_when_a_later_call_would_fit(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound(tokens=100)}) as each:
            first = await each.till("holds")
            lease = await first.borrow(Amount(70, Decimal(0)))
            large = await asks(each, 90, step="large")
            small = await asks(each, 20, step="small")  # would fit beside the one that holds
            first.give_back(lease)
            assert await large is not None
            assert not small.done()
            (await each.till("large")).give_back(large.result())
            assert await small is not None

    run(main(), 30)


def test_those_that_wait_for_one_tenants_budget_hold_up_nobody_else(tmp_path: Path) -> None:
    async def main() -> None:
        limits = {"day": Bound(tokens=10_000), "tenant/*": Bound(tokens=100)}
        async with bank(tmp_path, limits) as each:
            crowd = await each.till("holds")
            await crowd.borrow(Amount(60, Decimal(0)))
            waiting = [await asks(each, 50, step=f"s{number}") for number in range(100)]
            other = await each.till("one", tenant="eve")
            lease = await other.borrow(Amount(60, Decimal(0)))
            behind = await asks(each, 50, tenant="eve", step="two")
            other.give_back(lease)
            assert await behind is not None
            assert not any(task.done() for task in waiting)
            for task in waiting:
                task.cancel()

    run(main(), 60)


def test_a_call_that_can_never_fit_is_refused_at_once_whoever_waits(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound(tokens=100)}) as each:
            await (await each.till("holds")).borrow(Amount(70, Decimal(0)))
            waiting = await asks(each, 50, step="waits")
            with pytest.raises(LimitReachedError):
                await (await each.till("huge")).borrow(Amount(101, Decimal(0)))
            waiting.cancel()

    run(main(), 30)


def test_the_head_of_a_queue_that_gives_up_lets_the_next_one_on(tmp_path: Path) -> None:
    async def main() -> None:
        clock = ManualClock()
        async with bank(tmp_path, {"day": Bound(tokens=100)}, clock=clock) as each:
            holds = await each.till("holds")
            lease = await holds.borrow(Amount(70, Decimal(0)))
            head = await asks(each, 90, step="head")
            behind = await asks(each, 20, step="behind")
            head.cancel()
            assert await behind is not None
            late = await asks(each, 90, step="late")
            for _ in range(61):
                clock.advance(1.0)
                await asyncio.sleep(0)
            with pytest.raises(BudgetBusyError):
                await late
            await holds.settle(lease, paid(70))
            assert (await each.view()).waiting == 0

    run(main(), 30)


def test_a_call_that_has_waited_for_long_outlives_a_treasury_that_dies(tmp_path: Path) -> None:
    async def main() -> None:
        clock = ManualClock()
        async with bank(tmp_path, {"day": Bound(tokens=100)}, clock=clock) as each:
            holds = await each.till("holds")
            lease = await holds.borrow(Amount(70, Decimal(0)))
            late = await asks(each, 50, step="late")
            clock.advance(2 * PATIENCE_S)
            each.kernel.ref("treasury").kill()
            while each.kernel.registry.whereis("treasury") is not None:
                await asyncio.sleep(0)
            holds.give_back(lease)
            while not late.done():
                clock.advance(0.01)
                await asyncio.sleep(0.002)
            assert await late is not None

    run(main(), 30)


def test_what_is_not_spent_of_some_budgets_is_told_by_path_whatever_is_reserved(tmp_path: Path) -> None:
    async def main() -> None:
        limits = {"day": Bound(usd=Decimal(5), tokens=100), "tenant/*": Bound(tokens=50)}
        async with bank(tmp_path, limits) as each:
            till = await each.till()
            await till.settle(None, Paid("", "a1", "anthropic", "m", Amount(30, Decimal("1.5"))))
            await till.borrow(Amount(20, Decimal("3.5")))
            paths = ("day", "tenant/ada", "tenant/new", "pipeline/digest")
            left = await each.kernel.ref("treasury").call(BudgetLeft(paths))
            assert {path: (what.usd, what.tokens) for path, what in left.items()} == {
                "day": (Decimal("3.5"), 70),
                "tenant/ada": (None, 20),
                "tenant/new": (None, 50),
            }

    run(main())
