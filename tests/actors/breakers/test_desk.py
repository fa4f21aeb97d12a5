"""The BreakerDesk: shows, obeys, keeps over restarts; and survives a damaged or full disk."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.breakers import (
    STATE_FILE,
    BreakerDesk,
    BreakerFacts,
    BreakersNow,
    BreakerStates,
    BreakerStateUnreadable,
    BreakerStateUnsaved,
    OrderBreaker,
)
from actors.breakers.files import BreakerFile
from actors.disk import Turn
from actors.kernel import Kernel, ManualClock
from pipelines.guardrails.breaker import BreakerPolicy, Verdict
from pipelines.guardrails.breaker_panel import BreakerChanged, BreakerOpen, BreakerPanel
from pipelines.guardrails.breaker_rules import BreakerError, BreakerKind, BreakerRules
from tests.disk_for_tests import HeldSave
from tests.support import run

RULES = BreakerRules(provider={"": BreakerPolicy(size=4, min_calls=2, open_s=30)}, quality=BreakerPolicy())


class Node:
    """A kernel, a panel and a desk on one state directory."""

    def __init__(self, state_dir: Path, wall_s: float = 1_700_000_000.0) -> None:
        self.state_dir = state_dir
        self.clock = ManualClock(wall_s=wall_s)
        self.kernel = Kernel(clock=self.clock)
        self.events: list[Any] = []
        self.kernel.events.subscribe(self.events.append)
        self.panel = BreakerPanel(RULES, self.kernel.events.publish, self.clock.wall)

    async def start_desk(self, **options: Any) -> None:
        self.desk = await self.kernel.spawn(BreakerDesk, self.state_dir, self.panel, name="breakers", **options)

    async def order(self, order: Any, name: str = "provider:vendor", reason: str = "because") -> BreakerFacts:
        return await self.desk.call(OrderBreaker(order, name, reason, "ann"))

    async def now(self) -> BreakersNow:
        return await self.desk.call(BreakerStates())

    async def saved(self) -> BreakersNow:
        async with asyncio.timeout(5):
            while not (state := await self.now()).saved:
                await asyncio.sleep(0)
        return state

    def trip(self) -> None:
        for _ in range(2):
            permits = self.panel.admit_call("vendor", "m", self.clock.now())
            assert not isinstance(permits, BreakerOpen)
            self.panel.record(permits, {BreakerKind.PROVIDER: Verdict.BAD}, self.clock.now())

    def refused(self) -> BreakerOpen | None:
        answer = self.panel.admit_call("vendor", "m", self.clock.now())
        return answer if isinstance(answer, BreakerOpen) else None


@asynccontextmanager
async def node(state_dir: Path, wall_s: float = 1_700_000_000.0, **options: Any) -> AsyncGenerator[Node]:
    made = Node(state_dir, wall_s)
    await made.start_desk(**options)
    try:
        yield made
    finally:
        stopping = asyncio.create_task(made.kernel.shutdown())
        while not stopping.done():
            made.clock.advance(0.5)
            await asyncio.sleep(0.001)
        await stopping


def test_a_breaker_that_opens_by_itself_is_written_down_for_the_owner_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as it:
            it.trip()
            await it.desk.call(BreakerStates())
            state = await it.saved()
            assert {each.name: each.state for each in state.breakers}["provider:vendor"] == "open"
        assert stat.S_IMODE((tmp_path / STATE_FILE).stat().st_mode) == 0o600

    run(main())


def test_after_a_restart_of_the_node_an_open_one_stays_open_for_the_rest_of_its_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path, 1_000.0) as first:
            first.trip()
            await first.saved()
        async with node(tmp_path, 1_010.0) as second:
            refused = second.refused()
            assert refused is not None
            assert refused.retry_after_s == pytest.approx(20.0, abs=3)
            second.clock.advance(25.0)
            assert second.refused() is None

    run(main())


def test_a_persons_order_outlives_the_node_until_it_is_reset(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as first:
            facts = await first.order("open")
            assert (facts.state, facts.who, facts.why) == ("forced_open", "ann", "because")
        async with node(tmp_path, 1_900_000_000.0) as second:
            assert second.refused() is not None
            (facts,) = [each for each in (await second.now()).breakers if each.name == "provider:vendor"]
            assert (facts.who, facts.why) == ("ann", "because")
            assert (await second.order("reset")).state == "closed"
            assert second.refused() is None
        async with node(tmp_path) as third:
            assert third.refused() is None

    run(main())


def test_a_desk_that_is_restarted_finds_the_breakers_as_they_are_and_not_as_they_were(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as it:
            await it.order("open")
            it.desk.kill()
            await it.desk.wait_exit()
            it.panel.force(it.panel.entries[0].name, "reset", "ann", "all is well", it.clock.now())
            await it.start_desk()
            assert it.refused() is None
            await it.saved()
            assert "forced_open" not in (tmp_path / STATE_FILE).read_text(encoding="ascii")

    run(main())


def test_a_damaged_file_is_moved_aside_and_said_and_all_begin_closed(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / STATE_FILE).write_bytes(b'{"version": 1, "breakers": [{"na')
        async with node(tmp_path) as it:
            assert it.refused() is None
            assert any(isinstance(each, BreakerStateUnreadable) for each in it.events)
            (problem,) = (await it.now()).problems
            assert "could not be read" in problem
            assert (tmp_path / "breakers.json.unreadable").read_bytes().startswith(b'{"version"')

    run(main())


def test_a_state_that_cannot_be_saved_is_in_force_and_said_and_saved_later(tmp_path: Path) -> None:
    async def main() -> None:
        home = tmp_path / "state"
        home.mkdir()
        async with node(home) as it:
            assert (await it.order("close", "provider:other")).unsaved == ""
            home.rename(tmp_path / "away")
            answer = await it.order("open")
            assert f"{home / STATE_FILE} cannot be written: No such file" in answer.unsaved
            assert it.refused() is not None
            assert len([each for each in it.events if isinstance(each, BreakerStateUnsaved)]) == 1
            assert "cannot be written" in (await it.now()).problems[0]
            (tmp_path / "away").rename(home)
            it.clock.advance(5.0)
            state = await it.saved()
            assert state.problems == ()
            assert (await it.order("reset")).unsaved == ""

    run(main())


def test_an_order_that_the_disk_does_not_take_within_its_time_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = threading.Event()

    def hang(_file: BreakerFile, _kept: Any, _turn: Turn) -> None:
        stuck.wait(10)

    async def main() -> None:
        monkeypatch.setattr("actors.breakers.desk.SAVE_WAIT_S", 0.01)
        monkeypatch.setattr(BreakerFile, "save", hang)
        async with node(tmp_path) as it:
            try:
                answer = await it.order("open")
                assert answer.unsaved == f"{tmp_path / STATE_FILE} was not written within 0.01 s"
                assert it.refused() is not None
            finally:
                stuck.set()

    run(main())


def test_an_order_for_what_is_no_breaker_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as it:
            with pytest.raises(BreakerError, match="expected KIND:SUBJECT"):
                await it.order("open", "everything")
            with pytest.raises(BreakerError, match="its kind is off"):
                await it.order("open", "cost:p")

    run(main())


def test_an_order_that_the_audit_log_cannot_keep_is_not_in_force(tmp_path: Path) -> None:
    async def main() -> None:
        async def full(_order: OrderBreaker) -> None:
            raise BreakerError("the audit log cannot be written")

        async with node(tmp_path, audit=full) as it:
            with pytest.raises(BreakerError, match="audit log"):
                await it.order("open")
            assert it.refused() is None

    run(main())


def test_every_change_is_an_event_that_says_who_and_why(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as it:
            await it.order("close", reason="we know")
            (change,) = [each for each in it.events if isinstance(each, BreakerChanged)]
            assert (str(change.name), str(change.before), str(change.after)) == (
                "provider:vendor",
                "closed",
                "forced_closed",
            )
            assert (change.who, change.why) == ("ann", "we know")

    run(main())


def test_a_save_that_is_under_way_as_the_desk_stops_is_not_written_over_the_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, reached, later, written = BreakerFile.save, threading.Event(), threading.Event(), threading.Event()

    def slow_at_first(file: BreakerFile, kept: Any, turn: Turn) -> None:
        if reached.is_set():
            save(file, kept, turn)
            later.set()
        else:
            reached.set()
            later.wait(0.3)  # for one that does not wait for this
            save(file, kept, turn)
            written.set()

    monkeypatch.setattr(BreakerFile, "save", slow_at_first)

    async def main() -> None:
        async with node(tmp_path) as first:
            first.trip()
            await asyncio.to_thread(reached.wait, 10)
            ordering = asyncio.create_task(first.order("open", "provider:other"))
            await asyncio.sleep(0)
            await first.now()
            await first.desk.stop()
            ordering.cancel()
            assert await asyncio.to_thread(written.wait, 10)
        async with node(tmp_path) as second:
            states = {each.name: each.state for each in (await second.now()).breakers}
            assert states.get("provider:other") == "forced_open"

    run(main())


def test_an_order_that_a_killed_desk_had_under_way_is_not_written_over_the_next_desks_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        disk = HeldSave(monkeypatch, BreakerFile)
        async with node(tmp_path) as it:
            disk.hold()
            it.desk.tell(OrderBreaker("open", "provider:vendor", "because", "ann"))
            await disk.entered()
            it.desk.kill()
            await it.desk.wait_exit()
            await it.start_desk()
            assert (await it.order("reset")).unsaved == ""
            await it.order("open", "provider:other")
            await disk.let_go()
            it.desk.kill()
        async with node(tmp_path) as it:
            states = {each.name: each.state for each in (await it.now()).breakers}
            assert states.get("provider:vendor", "closed") == "closed"
            assert states["provider:other"] == "forced_open"

    run(main())
