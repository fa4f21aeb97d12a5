"""A run's own budget holds for all of its lives: a failure, a restart and `evopipe resume` give nothing back."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from actors.treasury import RunCosts, SetLimit
from pipelines.execution import Amount, LimitReachedError
from pipelines.guardrails.budget import Bound, Rules
from tests.actors.treasury_for_tests import Bank, bank, paid, until
from tests.support import run

HALF = Rules(first_share=Decimal("0.5"))
OF_RUNS = {"day": Bound(tokens=10_000), "run/simple": Bound(tokens=200), "step/generation": Bound(tokens=150)}


async def lendable(each: Bank, tokens: int, run_id: str = "r1", step: str = "s2") -> bool:
    till = await each.till(step, run_id=run_id)
    try:
        till.give_back(await till.borrow(Amount(tokens, Decimal(0))))
    except LimitReachedError:
        return False
    return True


async def status(each: Bank) -> str:
    (row,) = await each.kernel.ref("treasury").call(RunCosts())
    return row.status


async def fail(each: Bank, run_id: str = "r1") -> None:
    each.say(run_id, "run_failed")
    await until(lambda: asyncio.sleep(0, not each.table.ended))


def test_a_failed_run_that_goes_on_has_only_what_it_had_left(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, OF_RUNS, rules=HALF) as each:
            await (await each.till()).settle(None, paid(60))  # half of 200 is what a first run is trusted with
            await fail(each)
            assert not each.table.open_runs
            each.say("r1", "run_reopened")
            assert await lendable(each, 30)
            assert not await lendable(each, 50)
            assert await status(each) == "running"
            # Its end is told again, and the same failure is not held against the pipeline a second time.
            before = (await each.view()).shares
            await fail(each)
            assert await status(each) == "failed"
            assert (await each.view()).shares == before

    run(main(), 30)


def test_a_run_that_a_new_node_takes_up_again_has_only_what_it_had_left_however_it_is_resumed(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, OF_RUNS, rules=HALF) as first:
            await (await first.till()).settle(None, paid(60))
            await (await first.till(run_id="r2")).settle(None, paid(60))
            await fail(first)
        async with bank(tmp_path, OF_RUNS, rules=HALF) as second:
            # r2 was running when the node ended, r1 had failed: the journal had reopened it, and the ledger not.
            second.say("r1", "run_resumed")
            second.say("r2", "run_resumed")
            for run_id in ("r1", "r2"):
                assert not await lendable(second, 50, run_id)
            second.kernel.ref("treasury").kill()
            for run_id in ("r1", "r2"):
                assert not await lendable(second, 50, run_id)

    run(main(), 30)


def test_a_step_keeps_its_own_account_over_a_resume(tmp_path: Path) -> None:
    async def main() -> None:
        limits = {"step/generation": Bound(tokens=150)}
        async with bank(tmp_path, limits) as each:
            await (await each.till()).settle(None, paid(120))
            await fail(each)
            each.say("r1", "run_reopened")
            assert not await lendable(each, 40, step="s")
            assert await lendable(each, 40, step="other")

    run(main(), 30)


def test_a_limit_of_runs_that_is_set_later_counts_what_they_have_used_before(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound(tokens=10_000)}, rules=HALF) as each:
            await (await each.till()).settle(None, paid(180))
            change = SetLimit("run/simple", Bound(tokens=400), "ada", "a test")  # of which half is trusted
            await each.kernel.ref("treasury").call(change)
            assert not await lendable(each, 30)
            assert await lendable(each, 20)
            assert await lendable(each, 200, run_id="another")

    run(main(), 30)


def test_a_run_that_ends_without_having_paid_leaves_no_account_behind(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, OF_RUNS, rules=HALF) as each:
            for number in range(20):
                assert await lendable(each, 10, f"r{number}")
            assert [view.of for view in (await each.view()).accounts if view.of] == []

    run(main(), 30)


@pytest.mark.parametrize("trusted", [Decimal("0.5"), Decimal(1)])
def test_a_pipeline_without_a_history_is_trusted_with_the_first_share_of_a_runs_limit(
    tmp_path: Path, trusted: Decimal
) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"run/simple": Bound(tokens=100)}, rules=Rules(first_share=trusted)) as each:
            assert await lendable(each, int(100 * trusted))
            assert not await lendable(each, int(100 * trusted) + 1)

    run(main())
