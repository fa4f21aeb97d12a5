"""The Treasury: what is lent comes back, what is settled is booked once, and its own death changes neither."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.kernel import ChildSpec, Kernel, ManualClock
from actors.providers import Billed, Request, TransientError, Usage
from actors.steps import BudgetBusyError, TreasuryUnavailableError
from actors.steps.paying import counted
from actors.treasury import (
    BudgetAlert,
    BudgetPlan,
    BudgetState,
    BudgetStopped,
    BudgetView,
    CostReport,
    InvalidBudgetError,
    LeaseTable,
    LedgerUnwritable,
    RunCosts,
    SetLimit,
    Till,
    Treasury,
)
from actors.treasury.booking import MOST_CHARGES
from pipelines.execution import Amount, LimitReachedError
from pipelines.guardrails.budget import Bound, Payer, Rules
from supervisors import Supervisor
from tests.actors.treasury_for_tests import DAY_S, Bank, Holder, WallClock, a_price, bank, paid, until
from tests.support import run


def test_many_steps_at_once_never_exceed_a_budget_together_whatever_kills_the_treasury(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)

    async def main() -> None:
        async with bank(tmp_path, {"day": Bound(tokens=1000)}) as each:
            made, refused = 0, 0

            async def one(number: int) -> None:
                nonlocal made, refused
                till = await each.till(f"s{number}")
                try:
                    lease = await till.borrow(Amount(60, Decimal(0)))
                except LimitReachedError:
                    refused += 1
                    return
                held = [lease.amount.tokens for lease in each.table.leases.values()]
                assert made + sum(held) <= 1000
                for _ in range(rng.randrange(6)):
                    await asyncio.sleep(0)
                await till.settle(lease, paid(40))
                made += 40

            async def reaper() -> None:
                for _ in range(5):
                    await asyncio.sleep(0.01)
                    each.kernel.ref("treasury").kill()

            async with asyncio.TaskGroup() as group:
                group.create_task(reaper())
                for number in range(60):
                    group.create_task(one(number))
            # What was made is what is booked, and the last call that could not fit was refused.
            assert await each.spent() == made
            assert made <= 1000
            assert made > 1000 - 60 - 40
            assert made == 40 * (60 - refused)
            view = await each.view()
            assert (view.leases, view.waiting, len(each.table.leases)) == (0, 0, 0)

    run(main(), 30)


def test_a_settlement_is_booked_once_however_often_it_is_told_and_after_a_restart_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path) as first:
            till = await first.till()
            for _ in range(3):
                lease = await till.borrow(Amount(50, Decimal(0)))
                await till.settle(lease, paid(40))
            assert await first.spent() == 40
            await till.settle(None, paid(40, answer="a2"))
            assert await first.spent() == 80
        async with bank(tmp_path) as second:
            assert await second.spent() == 80
            await (await second.till()).settle(None, paid(40, answer="a2"))
            assert await second.spent() == 80

    run(main())


def test_the_end_of_a_holder_gives_its_reservations_back_and_lets_waiting_calls_go_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound(tokens=100)}) as each:
            holder = await each.holder()
            await (await each.till(holder=holder)).borrow(Amount(80, Decimal(0)))
            waiting = asyncio.create_task((await each.till("other")).borrow(Amount(80, Decimal(0))))

            async def waits() -> bool:
                return (await each.view()).waiting == 1

            await until(waits)
            holder.kill()
            assert await waiting is not None
            assert (await each.view()).leases == 1

    run(main())


def test_a_call_that_is_cancelled_while_it_waits_leaves_nothing_behind(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound(tokens=100)}) as each:
            first = await each.till()
            lease = await first.borrow(Amount(80, Decimal(0)))
            waiting = asyncio.create_task((await each.till("other")).borrow(Amount(80, Decimal(0))))

            async def waits(number: int) -> bool:
                return (await each.view()).waiting == number

            await until(lambda: waits(1))
            waiting.cancel()
            await until(lambda: waits(0))
            first.give_back(lease)
            assert (await each.view()).leases == 0

    run(main())


def test_a_reservation_that_others_hold_for_too_long_is_a_passing_failure(tmp_path: Path) -> None:
    async def main() -> None:
        clock = ManualClock()
        async with bank(tmp_path, {"day": Bound(tokens=100)}, clock=clock) as each:
            await (await each.till()).borrow(Amount(80, Decimal(0)))
            waiting = asyncio.create_task((await each.till("other")).borrow(Amount(80, Decimal(0))))

            async def waits() -> bool:
                return (await each.view()).waiting == 1

            await until(waits)
            for _ in range(61):
                clock.advance(1.0)
                await asyncio.sleep(0)
            with pytest.raises(BudgetBusyError, match="20 left of 100 tokens"):
                await waiting

    run(main())


def test_without_a_treasury_calls_wait_for_it_a_bounded_time_and_then_fail_as_transient() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        payer = Payer("ada", "simple", "digest", "generation", "r1", "s")
        till = Till(kernel, LeaseTable(), await kernel.spawn(Holder), payer, a_price)
        asking = asyncio.create_task(till.borrow(Amount(1, Decimal(0))))
        while not asking.done():
            clock.advance(0.05)
            await asyncio.sleep(0)
        with pytest.raises(TreasuryUnavailableError):
            asking.result()
        assert 9.0 <= clock.now() <= 12.0
        await kernel.shutdown()

    run(main())


def test_a_clock_that_jumps_back_gives_no_money_back_and_a_new_day_does(tmp_path: Path) -> None:
    async def main() -> None:
        clock = WallClock(1_800_000_000.0)
        async with bank(tmp_path, clock=clock) as each:
            await (await each.till()).settle(None, paid(900))
            clock.shown = 1_800_000_000.0 - 3 * DAY_S
            assert await each.spent() == 900
        later = WallClock(1_800_000_000.0 - 2 * DAY_S)
        async with bank(tmp_path, clock=later) as again:
            assert await again.spent() == 900
            # Nor does one that jumps ahead, before the time has really gone by.
            later.shown = 1_800_000_000.0 + DAY_S
            assert await again.spent() == 900
            later.advance(DAY_S)
            assert await again.spent() == 0

    run(main())


def test_a_limit_set_by_a_person_is_audited_holds_over_restarts_and_can_be_taken_back(tmp_path: Path) -> None:
    async def main() -> None:
        change = SetLimit("tenant/ada", Bound(tokens=10), "ada", "a test")
        async with bank(tmp_path) as first:
            first.audit_refuses = True
            with pytest.raises(InvalidBudgetError, match="audit log is full"):
                await first.kernel.ref("treasury").call(change)
            assert await (await first.till()).borrow(Amount(20, Decimal(0))) is not None
            first.audit_refuses = False
            await first.kernel.ref("treasury").call(change)
            (said,) = first.audited
            assert (said.path, said.who, said.reason, said.after) == ("tenant/ada", "ada", "a test", Bound(tokens=10))
            assert said in first.events
        async with bank(tmp_path) as second:
            with pytest.raises(LimitReachedError, match="tenant/ada"):
                await (await second.till()).borrow(Amount(20, Decimal(0)))
            await second.kernel.ref("treasury").call(SetLimit("tenant/ada", None, "ada", "enough"))
            assert await (await second.till()).borrow(Amount(20, Decimal(0))) is not None
            with pytest.raises(InvalidBudgetError, match="names no budget"):
                await second.kernel.ref("treasury").call(SetLimit("week", None, "ada", "x"))

    run(main())


def test_alerts_and_the_emergency_stop_are_told_once_and_not_again_by_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        rules = Rules(stop_share=Decimal("0.95"))
        async with bank(tmp_path, {"day": Bound(tokens=100)}, rules=rules) as each:
            till = await each.till()
            for number, tokens in enumerate((60, 5, 31)):
                await till.settle(None, paid(tokens, answer=f"a{number}"))
            await until(lambda: asyncio.sleep(0, bool([e for e in each.events if isinstance(e, BudgetStopped)])))
            assert [e.share for e in each.events if isinstance(e, BudgetAlert)] == [Decimal("0.5"), Decimal("0.9")]
            with pytest.raises(LimitReachedError, match="emergency stop"):
                await till.borrow(Amount(1, Decimal(0)))
        async with bank(tmp_path, {"day": Bound(tokens=100)}, rules=rules) as again:
            await (await again.till()).settle(None, paid(1, answer="late"))
            assert [e for e in again.events if isinstance(e, BudgetAlert)] == []
            assert (await again.view()).stopped is not None

    run(main())


def test_a_ledger_that_cannot_be_written_lends_nothing_until_it_can_and_then_books_what_was_settled(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with bank(tmp_path) as each:
            till = await each.till()
            lease = await till.borrow(Amount(50, Decimal(0)))
            locked = sqlite3.connect(tmp_path / "treasury.sqlite3", isolation_level=None)
            locked.execute("BEGIN EXCLUSIVE")
            booking = asyncio.create_task(till.settle(lease, paid(40)))
            await until(lambda: asyncio.sleep(0.01, any(isinstance(e, LedgerUnwritable) for e in each.events)))
            asking = asyncio.create_task((await each.till("late")).borrow(Amount(1, Decimal(0))))
            await asyncio.sleep(0.05)
            assert not asking.done()
            locked.execute("ROLLBACK")
            locked.close()
            await booking
            assert await asking is not None
            assert await each.spent() == 40

    run(main(), 30)


@pytest.mark.parametrize("damage", ["foreign", "newer"])
def test_a_foreign_or_newer_ledger_is_refused_with_its_reason_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "treasury.sqlite3"
    if damage == "foreign":
        file.write_bytes(b"this is no database" * 100)
    else:
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA user_version = 9")
    before = file.read_bytes()

    async def main() -> None:
        made = Bank(tmp_path, BudgetPlan({"day": Bound(tokens=1)}))
        child = ChildSpec(id="treasury", actor_class=Treasury, args=(tmp_path, made.table, made.plan), name="treasury")
        await made.kernel.spawn(Supervisor, (child,), name="top")
        await until(lambda: asyncio.sleep(0, any(isinstance(e, LedgerUnwritable) for e in made.events)))
        view: BudgetView = await made.kernel.ref("treasury").call(BudgetState())
        assert view.problem is not None
        assert str(file) in view.problem
        await made.kernel.shutdown()

    run(main())
    assert file.read_bytes() == before


def test_the_report_counts_failed_runs_into_the_cost_of_those_that_succeeded(tmp_path: Path) -> None:
    from actors.runs.events import RunEvent

    async def main() -> None:
        async with bank(tmp_path, {"day": Bound(tokens=10_000), "run/simple": Bound(tokens=1000)}) as each:
            for number, end in enumerate(("run_succeeded", "run_failed", "run_succeeded")):
                till = await each.till(run_id=f"r{number}")
                await till.settle(None, paid(100))
                event: Any = end
                each.kernel.events.publish(RunEvent(f"r{number}", 1, 0.0, event))

            async def ended() -> bool:
                rows = await each.kernel.ref("treasury").call(RunCosts())
                return all(row.status != "running" for row in rows)

            await until(ended)
            (cost,) = await each.kernel.ref("treasury").call(CostReport())
            assert (cost.pipeline, cost.runs, cost.succeeded, cost.failed) == ("digest", 3, 2, 1)
            assert (cost.usd, cost.usd_per_success) == (Decimal("0.3"), Decimal("0.15"))
            shares = (await each.view()).shares
            assert shares == {"digest": Decimal("0.3906")}

    run(main())


def test_a_run_whose_end_nobody_heard_is_asked_after_in_the_journal(tmp_path: Path) -> None:
    from actors.journal import CloseRun, Journal, MemoryStore, OpenRun

    async def main() -> None:
        async with bank(tmp_path) as first:
            await (await first.till()).settle(None, paid(10))
        second = Bank(tmp_path, BudgetPlan({"day": Bound(tokens=100)}))
        journal = await second.kernel.spawn(Journal, MemoryStore(), name="journal")
        await journal.call(OpenRun("r1", "digest", {}, "hash", {}, {}, None))
        await journal.call(CloseRun("r1", "succeeded", {}))
        await second.start()

        async def known() -> bool:
            (row,) = await second.kernel.ref("treasury").call(RunCosts())
            return row.status == "succeeded"

        await until(known)
        await second.kernel.shutdown()

    run(main())


def test_where_nothing_is_limited_nothing_is_asked_for_and_costs_are_kept_all_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound()}) as each:
            till = await each.till()
            assert await till.borrow(Amount(10**12, None)) is None
            await till.settle(None, paid(7))
            (row,) = await each.kernel.ref("treasury").call(RunCosts())
            assert row.tokens == 7

    run(main())


def test_a_run_that_ends_before_its_last_call_is_booked_is_known_to_have_ended(tmp_path: Path) -> None:
    async def main() -> None:
        # Nothing is limited: a step does not wait for its booking.
        async with bank(tmp_path, {"day": Bound()}) as each:
            await (await each.till()).settle(None, paid(7))
            each.say("r1", "run_succeeded")
            (row,) = await each.kernel.ref("treasury").call(RunCosts())
            assert (row.status, each.table.open_runs, each.table.ended) == ("succeeded", set(), {})
            assert list((await each.view()).shares) == ["digest"]

    run(main())


def test_more_settlements_than_fit_into_one_group_are_booked_before_the_ends_of_their_runs(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound()}) as each:
            for number in range(MOST_CHARGES + 1):
                await (await each.till(run_id=f"r{number}")).settle(None, paid(1))
                each.say(f"r{number}", "run_succeeded" if number < MOST_CHARGES else "run_failed")
            (cost,) = await each.kernel.ref("treasury").call(CostReport())
            assert (cost.runs, cost.succeeded, cost.failed) == (MOST_CHARGES + 1, MOST_CHARGES, 1)
            assert (await each.view()).shares == {"digest": Decimal("0.5")}

    run(main(), 30)


def test_a_report_does_not_wait_for_what_is_settled_after_it_was_asked_for(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound()}) as each:
            till, told = await each.till(), False

            async def settles_without_end() -> None:
                number = 0
                while not told:
                    number += 1
                    await till.settle(None, paid(1, f"a{number}"))
                    await asyncio.sleep(0)

            settling = asyncio.create_task(settles_without_end())
            rows = await each.kernel.ref("treasury").call(RunCosts(), timeout_s=20)
            told = True
            await settling
            assert rows == () or rows[0].tokens > 0

    run(main(), 30)


def test_an_answer_got_twice_before_it_is_booked_keeps_one_reservation(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound(tokens=100)}) as each:
            till = await each.till()
            first = await till.borrow(Amount(40, Decimal(0)))
            late = asyncio.create_task(till.settle(first, paid(10)))
            await asyncio.sleep(0)
            late.cancel()
            second = await till.borrow(Amount(40, Decimal(0)))
            await till.settle(second, paid(10))
            view = await each.view()
            assert (view.leases, each.table.leases) == (0, {})
            assert await each.spent() == 10

    run(main())


def test_a_settlement_that_no_file_can_hold_closes_the_treasury_and_does_not_end_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound(tokens=100)}) as each:
            settling = asyncio.create_task((await each.till()).settle(None, paid(2**64)))

            async def closed() -> bool:
                return any(isinstance(event, LedgerUnwritable) for event in each.events)

            await until(closed)
            view: BudgetView = await each.kernel.ref("treasury").call(BudgetState())
            assert "too large" in (view.problem or "")
            settling.cancel()

    run(main())


def test_a_limit_of_next_to_nothing_can_be_looked_at(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound(usd=Decimal("1e-40"))}) as each:
            await (await each.till()).settle(None, paid(7))
            day = next(account for account in (await each.view()).accounts if account.path == "day")
            assert day.used_share > 1

    run(main())


def test_an_answer_that_cannot_be_used_is_booked_and_a_call_without_one_is_not(tmp_path: Path) -> None:
    async def fails(till: Till, attempt: int, billed: Billed | None) -> None:
        error = TransientError("schema_mismatch", "anthropic", "no")
        error.billed = billed
        with pytest.raises(TransientError):
            async with counted(till, "anthropic", Request("hi", max_tokens=10), ("", attempt)):
                raise error

    async def main() -> None:
        async with bank(tmp_path) as each:
            till = await each.till()
            await fails(till, 1, None)
            assert await each.spent() == 0
            await fails(till, 2, Billed("m", Usage(3, 4), Decimal("0.007"), "msg-1"))
            await fails(till, 3, Billed("m", Usage(3, 4), Decimal("0.007"), "msg-2"))
            await fails(till, 4, Billed("m", Usage(3, 4), Decimal("0.007"), "msg-2"))  # the same answer once more
            assert await each.spent() == 14
            assert (await each.view()).leases == 0

    run(main())


def test_all_that_is_settled_is_booked_as_the_node_stops_however_much_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        async with bank(tmp_path, {"day": Bound()}) as each:
            till = await each.till()
            for number in range(MOST_CHARGES + 1):
                await till.settle(None, paid(1, f"a{number}"))
        async with bank(tmp_path) as again:
            assert await again.spent() == MOST_CHARGES + 1

    run(main(), 30)
