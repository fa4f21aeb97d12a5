"""Corners of `DynamicSupervisor`, most of them asked of Elixir's as well."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from actors.kernel import (
    IGNORE,
    Actor,
    ActorExited,
    ActorRef,
    ChildCounts,
    ChildSpec,
    CountChildren,
    Kernel,
    Killed,
    ManualClock,
    MaxChildren,
    NotFound,
    Shutdown,
    StartChild,
    StartError,
    SupervisorEscalated,
    TerminateChild,
    WhichChildren,
)
from supervisors import Backoff, DynamicSupervisor
from tests.actors_for_tests import Boom, Echo, add, events_of, new_log, settle, until
from tests.support import run


class Gated(Actor):
    """Waits in its init and at its end for gates that are closed."""

    def __init__(self, start: asyncio.Event | None = None, stop: asyncio.Event | None = None) -> None:
        super().__init__()
        self.gates = (start, stop)

    async def on_start(self) -> None:
        if self.gates[0] is not None:
            await self.gates[0].wait()

    async def on_stop(self) -> None:
        if self.gates[1] is not None:
            await self.gates[1].wait()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message


async def counts(sup: ActorRef[Any]) -> tuple[int, int]:
    found: ChildCounts = await sup.call(CountChildren(), timeout_s=None)
    return found.specs, found.active


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
def test_a_child_that_ignores_its_start_is_not_kept(restart: Any) -> None:
    class Unneeded(Actor):
        def on_start(self) -> Any:
            return IGNORE

    async def main() -> None:
        sup = await Kernel().spawn(DynamicSupervisor, max_children=1)
        for _ in range(3):
            assert await sup.call(StartChild(ChildSpec("x", Unneeded, restart=restart))) is None
        assert await counts(sup) == (0, 0)

    run(main())


def test_a_failing_start_frees_its_place_and_is_told_to_the_caller() -> None:
    class Failing(Actor):
        async def on_start(self) -> None:
            raise Boom

    async def main() -> None:
        sup = await Kernel().spawn(DynamicSupervisor, max_children=1)
        for _ in range(3):
            with pytest.raises(StartError):
                await sup.call(StartChild(ChildSpec("x", Failing)))
        assert await counts(sup) == (0, 0)
        assert (await add(sup, ChildSpec("x", Echo))).is_alive()

    run(main())


@pytest.mark.parametrize("bound", [-1, 1.5, "many", True])
def test_a_senseless_bound_is_refused(bound: Any) -> None:
    async def main() -> None:
        with pytest.raises(StartError, match="max_children"):
            await Kernel().spawn(DynamicSupervisor, max_children=bound)

    run(main())


def test_no_children_at_all_is_a_bound_too() -> None:
    async def main() -> None:
        sup = await Kernel().spawn(DynamicSupervisor, max_children=0)
        with pytest.raises(MaxChildren):
            await sup.call(StartChild(ChildSpec("x", Echo)))

    run(main())


def test_a_child_that_is_being_stopped_holds_its_place_until_it_has_ended() -> None:
    async def main() -> None:
        kernel, stop = Kernel(clock=ManualClock()), asyncio.Event()
        sup = await kernel.spawn(DynamicSupervisor, max_children=1)
        ref = await add(sup, ChildSpec("x", Gated, (None, stop)))
        ending = asyncio.ensure_future(sup.call(TerminateChild(ref), timeout_s=None))
        await settle()
        with pytest.raises(MaxChildren):
            await sup.call(StartChild(ChildSpec("y", Echo)))
        again = asyncio.ensure_future(sup.call(TerminateChild("x"), timeout_s=None))
        stop.set()
        assert (await ending, await again) == (None, None)
        assert not ref.is_alive()
        with pytest.raises(NotFound):
            await sup.call(TerminateChild(ref))
        assert (await add(sup, ChildSpec("y", Echo))).is_alive()

    run(main())


def test_a_child_that_outlives_its_timeout_is_killed_while_the_supervisor_serves_others() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        sup = await kernel.spawn(DynamicSupervisor)
        ref = await add(sup, ChildSpec("x", Gated, (None, asyncio.Event()), shutdown=2.0))
        ending = asyncio.ensure_future(sup.call(TerminateChild(ref), timeout_s=None))
        await settle()
        assert (await add(sup, ChildSpec("y", Echo))).is_alive()
        clock.advance(2.0)
        await ending
        assert ref.exit_reason == Killed()

    run(main())


def test_a_caller_that_gives_up_neither_loses_nor_half_starts_its_child() -> None:
    async def main() -> None:
        kernel, start = Kernel(), asyncio.Event()
        sup = await kernel.spawn(DynamicSupervisor, max_children=3)
        at_once = asyncio.ensure_future(sup.call(StartChild(ChildSpec("a", Gated, (start,)))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        at_once.cancel()  # in the very pass in which the start begins
        later = asyncio.ensure_future(sup.call(StartChild(ChildSpec("b", Gated, (start,)))))
        await settle()
        later.cancel()
        await settle()
        assert await counts(sup) == (2, 0)
        start.set()
        await settle()
        assert await counts(sup) == (2, 2)
        cell = sup.resolve()
        assert cell is not None
        assert (cell.pending, kernel.tasks) == ({}, frozenset())

    run(main())


def test_terminating_a_child_during_its_init_fails_its_starter_and_frees_the_place() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(DynamicSupervisor, max_children=1)
        starting = asyncio.ensure_future(sup.call(StartChild(ChildSpec("x", Gated, (asyncio.Event(),)))))
        await settle()
        await sup.call(TerminateChild("x"))
        with pytest.raises(StartError) as caught:
            await starting
        assert caught.value.reason == Shutdown()
        assert await counts(sup) == (0, 0)
        await settle()
        assert (kernel.live, kernel.tasks) == (1, frozenset())

    run(main())


def test_terminating_a_child_that_waits_for_its_restart_calls_that_off() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        log = new_log()
        sup = await kernel.spawn(DynamicSupervisor, backoff=Backoff(base_s=10.0, jitter=0.0))
        ref = await add(sup, ChildSpec("x", Echo, (log,)))
        ref.kill()
        await settle()
        assert [i.ref for i in await sup.call(WhichChildren())] == ["restarting"]
        await sup.call(TerminateChild("x"), timeout_s=None)
        clock.advance(100.0)
        await settle()
        assert await counts(sup) == (0, 0)
        assert (kernel.live, log) == (1, [("start", "")])

    run(main())


def test_terminating_a_child_whose_slow_restart_is_under_way_calls_that_off() -> None:
    async def main() -> None:
        kernel, start = Kernel(), asyncio.Event()
        start.set()
        sup = await kernel.spawn(DynamicSupervisor)
        ref = await add(sup, ChildSpec("x", Gated, (start,)))
        start.clear()
        ref.kill()
        await settle()
        await sup.call(TerminateChild("x"))
        start.set()
        await settle()
        assert await counts(sup) == (0, 0)
        assert (kernel.live, kernel.tasks) == (1, frozenset())

    run(main())


def test_a_stop_ends_the_children_that_are_still_starting_too_before_it_is_through() -> None:
    async def main() -> None:
        kernel = Kernel()
        order = events_of(kernel, ActorExited)
        sup = await kernel.spawn(DynamicSupervisor)
        starting = asyncio.ensure_future(sup.call(StartChild(ChildSpec("x", Gated, (asyncio.Event(),)))))
        await settle()
        await sup.stop()
        assert kernel.live == 0
        assert order[-1].ref is sup
        with pytest.raises(Exception, match="not"):
            await starting

    run(main())


def test_a_stop_waits_for_a_child_that_is_being_terminated_already() -> None:
    async def main() -> None:
        kernel, stop = Kernel(clock=ManualClock()), asyncio.Event()
        sup = await kernel.spawn(DynamicSupervisor)
        ref = await add(sup, ChildSpec("x", Gated, (None, stop)))
        ending = asyncio.ensure_future(sup.call(TerminateChild(ref), timeout_s=None))
        await settle()
        stopped = sup.stop()
        await settle()
        assert not stopped.inner.done()
        stop.set()
        assert await stopped is True
        assert ref.exit_reason == Shutdown()
        await asyncio.wait({ending})

    run(main())


def test_a_killed_supervisor_leaves_no_child_behind_whatever_it_was_doing() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        sup = await kernel.spawn(DynamicSupervisor)
        await add(sup, ChildSpec("running", Echo))
        ending = await add(sup, ChildSpec("ending", Gated, (None, asyncio.Event())))
        waiting = [
            asyncio.ensure_future(sup.call(StartChild(ChildSpec("starting", Gated, (asyncio.Event(),))))),
            asyncio.ensure_future(sup.call(TerminateChild(ending))),
        ]
        await settle()
        sup.kill()
        assert await sup.wait_exit() == Killed()
        await until(lambda: kernel.live == 0)
        await asyncio.wait(waiting)
        await until(lambda: not kernel.tasks)

    run(main())


def test_a_name_taken_by_a_stranger_between_crash_and_restart_counts_and_does_not_crash_the_supervisor() -> None:
    async def main() -> None:
        kernel = Kernel()
        ended = events_of(kernel, SupervisorEscalated)
        sup = await kernel.spawn(DynamicSupervisor, max_restarts=3)
        old = await add(sup, ChildSpec("w", Echo, name="w"))
        thief = await kernel.spawn(Echo)
        cell = thief.resolve()
        assert cell is not None

        def steal(event: object) -> None:
            if isinstance(event, ActorExited) and event.ref is old:
                kernel.registry.register("w", cell)

        kernel.events.subscribe(steal)
        old.kill()
        assert isinstance(await sup.wait_exit(), Shutdown)
        assert "NameTakenError" in str(ended[0].reason)
        assert thief.is_alive()

    run(main())


def test_an_escalation_in_the_middle_of_slow_restarts_ends_everybody() -> None:
    async def main() -> None:
        kernel, start = Kernel(), asyncio.Event()
        start.set()
        sup = await kernel.spawn(DynamicSupervisor, max_restarts=2)
        refs = [await add(sup, ChildSpec(str(n), Gated, (start,))) for n in range(3)]
        start.clear()
        for ref in refs:
            ref.kill()
        assert isinstance(await sup.wait_exit(), Shutdown)
        await until(lambda: kernel.live == 0)
        await until(lambda: not kernel.tasks)

    run(main())


def test_children_with_one_id_are_ended_together_by_that_id_and_singly_by_ref() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        sup = await kernel.spawn(DynamicSupervisor)
        refs = [await add(sup, ChildSpec("same", Echo, (log, str(n)))) for n in range(4)]
        await sup.call(TerminateChild(refs[2]))
        assert [r.is_alive() for r in refs] == [True, True, False, True]
        await sup.call(TerminateChild("same"))
        assert not any(r.is_alive() for r in refs)
        with pytest.raises(NotFound):
            await sup.call(TerminateChild("same"))

    run(main())


def test_ten_thousand_children_are_terminated_by_ref_one_by_one_in_no_quadratic_time() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(DynamicSupervisor)
        refs = [await add(sup, ChildSpec("x", Echo, ([], "x"))) for _ in range(10_000)]
        began = time.perf_counter()
        for ref in refs:
            await sup.call(TerminateChild(ref))
        assert time.perf_counter() - began < 5.0
        assert await counts(sup) == (0, 0)

    run(main(), timeout_s=30)


def test_a_supervisor_whose_children_have_ended_already_ends_at_once_though_it_has_not_heard_of_it() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(DynamicSupervisor)
        child: ActorRef[Any] = await sup.call(StartChild(ChildSpec("x", Echo, restart="transient")))
        child.exit(Shutdown())
        assert child.exit_reason == Shutdown()
        sup.exit(Shutdown())
        assert (sup.exit_reason, kernel.tasks) == (Shutdown(), frozenset())
        await kernel.shutdown()

    run(main())
