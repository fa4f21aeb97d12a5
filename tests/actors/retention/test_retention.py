"""What the retention policy does to the journal, by a manual clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors.audit import AuditBook, listen
from actors.journal import CloseRun, Journal, MemoryStore, OpenRun, RecordStep
from actors.kernel import Kernel, ManualClock
from actors.retention import EnforceRetention, Policy, Retention, RetentionApplied
from actors.retention.retention import DAY_S, EVERY_S, FIRST_AFTER_S
from actors.sessions import ListSessions, SessionDesk
from actors.sessions.store import FILE_NAME, NewTurn, SessionStore
from actors.steps.asking import result_of
from actors.treasury import BudgetPlan, RunCosts, WholeFrom
from pipelines.guardrails.budget import Bound
from tests.actors.treasury_for_tests import Bank, paid
from tests.actors_for_tests import settle, until
from tests.support import run


def store_with(*closed_days_ago: float, now: float) -> MemoryStore:
    store = MemoryStore()
    for number, days in enumerate(closed_days_ago):
        at = now - days * DAY_S
        run_id = f"r{number}"
        store.commit(
            [
                OpenRun(run_id, "p", "text", "hash", {"topic": "secret"}, {}, f"key{number}"),
                RecordStep(
                    run_id, "a", 1, "succeeded", {"text": "secret", "usage": {"input_tokens": 3}, "cost_usd": "1"}
                ),
                CloseRun(run_id, "succeeded", {"outputs": {"a": "secret"}, "cost_usd": "1"}),
            ],
            at,
        )
    store.commit([OpenRun("live", "p", "text", "hash", {}, {})], now - 1_000 * DAY_S)
    return store


async def node(policy: Policy, *closed_days_ago: float) -> tuple[Kernel, ManualClock, MemoryStore]:
    clock = ManualClock()
    kernel = Kernel(clock=clock)
    store = store_with(*closed_days_ago, now=clock.wall())
    await kernel.spawn(Journal, store, name="journal")
    await kernel.spawn(Retention, policy, name="retention")
    return kernel, clock, store


def test_runs_older_than_the_policy_go_and_unfinished_ones_stay() -> None:
    async def main() -> None:
        kernel, _, store = await node(Policy(runs_days=30), *[31.0] * 120, 29.0)
        assert await kernel.ref("retention").call(EnforceRetention()) == RetentionApplied(120, 0)
        assert {each.run_id for each in store.recent(1_000)} == {"r120", "live"}
        await kernel.shutdown()

    run(main())


def test_content_goes_before_the_run_while_status_usage_and_cost_stay() -> None:
    async def main() -> None:
        kernel, _, store = await node(Policy(runs_days=30, content_days=7), 31.0, 8.0, 6.0)
        assert await kernel.ref("retention").call(EnforceRetention()) == RetentionApplied(1, 1)
        assert await kernel.ref("retention").call(EnforceRetention()) == RetentionApplied()
        blanked, whole = store.load("r1"), store.load("r2")
        assert blanked is not None
        assert whole is not None
        assert "secret" not in repr(blanked)
        assert "secret" in repr(whole)
        result: Any = blanked.steps["a"].result
        assert (blanked.status, result["usage"], result["cost_usd"]) == ("succeeded", {"input_tokens": 3}, "1")
        await kernel.shutdown()

    run(main())


def test_it_is_enforced_by_itself_soon_after_the_start_and_every_hour() -> None:
    async def main() -> None:
        kernel, clock, store = await node(Policy(runs_days=1), 0.99)
        clock.advance(FIRST_AFTER_S)
        await settle()
        assert store.load("r0") is not None
        clock.advance(EVERY_S)
        await until(lambda: store.load("r0") is None)
        await kernel.shutdown()

    run(main())


def test_without_a_policy_everything_is_kept() -> None:
    async def main() -> None:
        kernel, _, _ = await node(Policy(), 10_000.0)
        assert await kernel.ref("retention").call(EnforceRetention()) == RetentionApplied()
        await kernel.shutdown()

    run(main())


def test_what_old_calls_have_cost_goes_and_the_report_says_from_when_on_it_is_whole(tmp_path: Path) -> None:
    async def main() -> None:
        clock = ManualClock(wall_s=1_700_000_000.0)
        made = Bank(tmp_path, BudgetPlan({"day": Bound(tokens=1_000)}), clock=clock)
        try:
            await made.start()
            await made.kernel.spawn(Retention, Policy(charges_days=30), name="retention")
            retention, treasury = made.kernel.ref("retention"), made.kernel.ref("treasury")
            for run_id, kind in (("old", "run_succeeded"), ("failed", "run_failed")):
                till = await made.till(run_id=run_id)
                await till.settle(None, paid(100))
                made.say(run_id, kind)
            assert await treasury.call(WholeFrom()) == ""
            assert await retention.call(EnforceRetention()) == RetentionApplied()
            clock.advance(31 * DAY_S)
            till = await made.till(run_id="new")
            await till.settle(None, paid(7))
            assert await retention.call(EnforceRetention()) == RetentionApplied(charges=1)
            assert {each.run for each in await treasury.call(RunCosts())} == {"failed", "new"}
            assert await treasury.call(WholeFrom()) == "2023-11-15"
        finally:
            await made.kernel.shutdown()

    run(main())


def kept_sessions(directory: Path, now: float) -> None:
    store = SessionStore(directory / FILE_NAME)
    for name, days, durable in (("old", 31.0, True), ("of a run", 31.0, False), ("young", 29.0, True)):
        store.keep(NewTurn(name, f"t {name}", "r", "secret", "a", {"text": "a"}, 0, 0, durable), now - days * DAY_S)
    store.close()


def test_conversations_end_so_long_after_their_last_turn_and_the_audit_log_says_how_many(tmp_path: Path) -> None:
    async def main() -> None:
        kernel, clock, _ = await node(Policy(runs_days=30, sessions_days=30), 31.0)
        kept_sessions(tmp_path, clock.wall())
        await kernel.spawn(SessionDesk, tmp_path, result_of, name="sessions")
        book = AuditBook()
        listen(kernel, book)
        assert await kernel.ref("retention").call(EnforceRetention()) == RetentionApplied(1, 0, 2)
        assert [each.name for each in await kernel.ref("sessions").call(ListSessions())] == ["young"]
        assert await kernel.ref("retention").call(EnforceRetention()) == RetentionApplied()
        (entry,) = (item.decision for item in book.waiting)
        assert (entry.who, entry.action) == ("node", "retention.applied")
        assert entry.detail == {"runs": 1, "content": 0, "sessions": 2, "charges": 0}
        await kernel.shutdown()

    run(main())
    assert b"secret" in (tmp_path / FILE_NAME).read_bytes(), "the young one is there"


def test_the_oldest_conversations_go_first_and_one_with_a_turn_under_way_stays(tmp_path: Path) -> None:
    kept_sessions(tmp_path, now := 40 * DAY_S)
    store = SessionStore(tmp_path / FILE_NAME)
    assert store.forget_old(now, 10, ("old", "of a run")) == 1
    assert [each.name for each in store.sessions(10)] == ["old"]
    assert [store.forget_old(now, 1), store.forget_old(now, 1), store.forget_old(now, 1)] == [1, 1, 0]
    store.close()


class Jumpy(ManualClock):
    """A wall clock that somebody sets wrongly."""

    jumped_s = 0.0

    def wall(self) -> float:
        return super().wall() + self.jumped_s


def test_a_node_that_comes_back_to_another_time_deletes_nothing_for_an_hour() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        store = MemoryStore()
        store.commit(
            [OpenRun("r0", "p", "text", "hash", {}, {}), CloseRun("r0", "succeeded")], clock.wall() - 40 * DAY_S
        )
        await kernel.spawn(Journal, store, name="journal")
        await kernel.spawn(Retention, Policy(runs_days=30), name="retention")
        clock.advance(FIRST_AFTER_S)
        await settle()
        assert store.load("r0") is not None
        clock.advance(EVERY_S)
        await until(lambda: store.load("r0") is None)
        await kernel.shutdown()

    run(main())


@pytest.mark.parametrize("jump_days", [-1_000, 1_000])
def test_a_clock_that_jumps_deletes_nothing_for_an_hour(jump_days: int, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        clock = Jumpy()
        kernel = Kernel(clock=clock)
        store = store_with(1.0, now=clock.wall())
        await kernel.spawn(Journal, store, name="journal")
        await kernel.spawn(Retention, Policy(runs_days=30), name="retention")
        clock.jumped_s = jump_days * DAY_S
        clock.advance(FIRST_AFTER_S)
        await until(lambda: "the clock has jumped" in caplog.text)
        assert store.load("r0") is not None
        clock.jumped_s = 0.0  # set right: that is a jump, too
        clock.advance(EVERY_S)
        clock.advance(EVERY_S)
        await settle()
        assert store.load("r0") is not None
        await kernel.shutdown()

    run(main())
