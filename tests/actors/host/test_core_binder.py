"""The CoreBinder on real threads: who shares the core, who does not, and what is left when it goes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from actors.host import CoreBinder
from actors.host.core_binder import INTERVAL_S, counters
from actors.host.placement import Sample
from actors.kernel import Actor, ActorRef, Kernel, LoopWatchdog, ManualClock, OwnThread
from actors.kernel.cores import GIVEN
from runtime.daemon.loop import node_loop
from tests.actors_for_tests import settle, until

pytestmark = pytest.mark.skipif(
    len(GIVEN) < 2 or counters() is None, reason="needs Linux, two cores and /proc/thread-self/schedstat"
)

IDLE = Sample(INTERVAL_S, 0.001, 0.001, 0.0, 10)
BUSY = Sample(INTERVAL_S, 0.24, 0.24, 0.0, 75)
DISPUTED = Sample(INTERVAL_S, 0.1, 0.1, 0.1, 75)


class Clerk(Actor):
    """Tells where its own thread may run."""

    def on_start(self) -> None:
        self.own_thread = OwnThread(self._cell)

    async def on_receive(self, message: Any) -> frozenset[int]:
        assert self.own_thread is not None
        return await self.own_thread.run(here)

    def release(self) -> None:
        if self.own_thread is not None:
            self.own_thread.let_go()


class Life:
    """What the loop's thread is said to have done: idle, unless the next looks are given."""

    def __init__(self, *looks: Sample) -> None:
        self._looks = iter(looks)
        self._total = Sample(0.0, 0.0, 0.0, 0.0, 0)

    def __call__(self) -> Sample:
        before, did = self._total, next(self._looks, IDLE)
        self._total = Sample(
            before.wall_s + did.wall_s,
            before.loop_s + did.loop_s,
            before.process_s + did.process_s,
            before.delayed_s + did.delayed_s,
            before.switches + did.switches,
        )
        return before


@pytest.fixture(autouse=True)
def all_cores() -> Iterator[None]:
    yield
    os.sched_setaffinity(0, GIVEN)


def here() -> frozenset[int]:
    return frozenset(os.sched_getaffinity(0))


def thread_named(name: str) -> frozenset[int]:
    found = [thread.native_id for thread in threading.enumerate() if thread.name == name and thread.is_alive()]
    return frozenset(os.sched_getaffinity(found[-1] or 0)) if found else frozenset()


def run(main: Any) -> None:
    with asyncio.Runner(loop_factory=node_loop) as runner:
        runner.run(asyncio.wait_for(main, 10))


async def bound(kernel: Kernel, *looks: Sample) -> ActorRef[CoreBinder]:
    return await kernel.spawn(CoreBinder, count=Life(*looks))


async def look(clock: ManualClock) -> frozenset[int]:
    clock.advance(INTERVAL_S)
    await settle()
    return here()


def test_the_loop_and_its_actors_own_threads_share_a_core_and_nobody_else_does() -> None:
    async def main() -> None:
        kernel = Kernel(ManualClock())  # which moves nothing: nobody looks again meanwhile
        early = await kernel.spawn(Clerk)
        assert await early.call("where") == GIVEN
        await kernel.spawn(CoreBinder)
        assert len(here()) == 1
        late = await kernel.spawn(Clerk)
        assert await early.call("where") == await late.call("where") == here() == kernel.cores
        assert await asyncio.to_thread(here) == GIVEN
        await kernel.spawn(LoopWatchdog)
        await until(lambda: thread_named("loop-watchdog") == GIVEN, passes=1_000_000)
        await kernel.shutdown()
        assert here() == GIVEN

    run(main())


def test_a_loop_that_is_busy_and_its_actors_threads_part_and_come_together_again() -> None:
    async def main() -> None:
        kernel = Kernel(clock := ManualClock())
        clerk = await kernel.spawn(Clerk)
        await bound(kernel, BUSY, BUSY, IDLE)
        assert len(here()) == 1
        assert await look(clock) == GIVEN == await clerk.call("where")
        assert await look(clock) == GIVEN
        assert len(await look(clock)) == 1
        assert await clerk.call("where") == here()
        await kernel.shutdown()

    run(main())


def test_a_core_that_somebody_else_needs_is_left_for_a_second() -> None:
    async def main() -> None:
        kernel = Kernel(clock := ManualClock())
        await bound(kernel, DISPUTED)
        for _ in range(5):
            assert await look(clock) == GIVEN
        assert len(await look(clock)) == 1
        await kernel.shutdown()

    run(main())


def test_cores_that_a_person_chose_for_the_running_node_stay_as_chosen() -> None:
    async def main() -> None:
        kernel = Kernel(clock := ManualClock())
        clerk = await kernel.spawn(Clerk)
        await bound(kernel, IDLE, BUSY, IDLE)
        chosen = frozenset({next(core for core in GIVEN if core not in here())})
        os.sched_setaffinity(0, chosen)
        for _ in range(3):
            assert await look(clock) == chosen == await clerk.call("where")
        await kernel.shutdown()
        assert here() == chosen

    run(main())


def test_a_persons_choice_stays_also_where_the_node_ends_before_it_has_seen_it() -> None:
    async def main() -> None:
        kernel = Kernel(ManualClock())
        await bound(kernel)
        chosen = frozenset({next(core for core in GIVEN if core not in here())})
        os.sched_setaffinity(0, chosen)
        await kernel.shutdown()
        assert here() == chosen

    run(main())


def test_while_the_system_does_not_tell_the_threads_have_all_cores() -> None:
    async def main() -> None:
        kernel = Kernel(clock := ManualClock())
        life, blind = Life(), False
        await kernel.spawn(CoreBinder, count=lambda: None if blind else life())
        assert len(await look(clock)) == 1
        blind = True
        assert await look(clock) == GIVEN
        for _ in range(8):
            await look(clock)
        blind = False
        while len(await look(clock)) > 1:
            assert clock.now() < 10
        await kernel.shutdown()
        assert here() == GIVEN

    run(main())


@pytest.mark.parametrize("core", [100_000, None], ids=["refused", "not told"])
def test_a_core_that_cannot_be_had_is_asked_for_again_after_a_second(
    core: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        asked: list[float] = []
        kernel = Kernel(clock := ManualClock())

        def elsewhere() -> int | None:
            asked.append(clock.now())
            return core

        monkeypatch.setattr("actors.host.core_binder.core_now", elsewhere)
        await bound(kernel)
        while clock.now() < 2:
            assert await look(clock) == GIVEN
        assert asked == [0.0, 1.25]
        await kernel.shutdown()

    run(main())


@pytest.mark.parametrize("how", ["unwanted", "one core", "no counters"])
def test_where_it_is_not_wanted_or_cannot_work_it_leaves_the_threads_alone(how: str) -> None:
    async def main() -> None:
        kernel = Kernel(clock := ManualClock())
        if how == "one core":
            os.sched_setaffinity(0, {min(GIVEN)})
        before = here()
        count = (lambda: None) if how == "no counters" else Life()
        await kernel.spawn(CoreBinder, how != "unwanted", count)
        assert await look(clock) == before == await look(clock)
        await kernel.shutdown()
        assert here() == before

    run(main())


def test_when_it_is_killed_the_threads_have_all_cores_again() -> None:
    async def main() -> None:
        kernel = Kernel()
        clerk = await kernel.spawn(Clerk)
        binder = await bound(kernel)
        assert len(here()) == 1
        binder.kill()
        await settle()
        assert here() == GIVEN == await clerk.call("where")
        await kernel.shutdown()

    run(main())


def test_it_reads_how_this_thread_works_from_the_system() -> None:
    before = now = counters()
    while before is not None and now is not None and now.loop_s <= before.loop_s:
        now = counters()
    assert before is not None
    assert now is not None
    assert now.wall_s > before.wall_s
    assert now.process_s >= now.loop_s > before.loop_s
    assert now.switches >= before.switches
    assert now.delayed_s >= before.delayed_s
