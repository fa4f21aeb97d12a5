"""A supervisor that is told to end in the middle of a start does not wait for it."""

from __future__ import annotations

import asyncio
from typing import Any

from actors.kernel import Actor, ChildSpec, Kernel, ManualClock, Shutdown, StartChild, StartError
from supervisors import DynamicSupervisor, Supervisor
from tests.actors_for_tests import settle
from tests.support import run


class Waiter(Actor):
    """Its init waits for something that comes no more."""

    async def on_start(self) -> None:
        await asyncio.get_running_loop().create_future()


class StubbornWaiter(Waiter):
    trap_exit = True


class Noted(Actor):
    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self._log = log

    def on_stop(self) -> None:
        self._log.append("stopped")


class Second(Actor):
    """Starts at once the first time, and waits at every later start."""

    def __init__(self, starts: list[int]) -> None:
        super().__init__()
        self._starts = starts

    async def on_start(self) -> None:
        self._starts.append(1)
        if len(self._starts) > 1:
            await asyncio.get_running_loop().create_future()


def tree(log: list[str], waiter: type[Actor], **more: Any) -> ChildSpec:
    children = (
        ChildSpec(id="noted", actor_class=Noted, args=(log,)),
        ChildSpec(id="waiter", actor_class=waiter, **more),
    )
    inner = ChildSpec(id="inner", actor_class=Supervisor, args=(children,), type="supervisor")
    return ChildSpec(id="outer", actor_class=Supervisor, args=((inner,),), type="supervisor", name="outer")


def test_a_tree_whose_start_waits_ends_in_order_when_it_is_told_to() -> None:
    async def main() -> None:
        log: list[str] = []
        kernel = Kernel()
        top = await kernel.spawn(DynamicSupervisor, name="top")
        starting = asyncio.ensure_future(top.call(StartChild(tree(log, Waiter))))
        await settle()
        top.exit(Shutdown())
        await top.wait_exit()
        assert log == ["stopped"] and kernel.live == 0
        outcome = (await asyncio.gather(starting, return_exceptions=True))[0]
        assert isinstance(outcome, Exception)

    run(main())


def test_a_child_that_will_not_leave_its_init_is_killed_after_its_shutdown_time() -> None:
    async def main() -> None:
        log: list[str] = []
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        top = await kernel.spawn(DynamicSupervisor, name="top")
        starting = asyncio.ensure_future(top.call(StartChild(tree(log, StubbornWaiter, shutdown=4.0)), timeout_s=None))
        await settle()
        top.exit(Shutdown())
        await settle()
        clock.advance(3.9)
        await settle()
        assert kernel.live == 5
        clock.advance(0.2)
        await top.wait_exit()
        assert log == ["stopped"] and kernel.live == 0
        assert isinstance((await asyncio.gather(starting, return_exceptions=True))[0], Exception)

    run(main())


def test_a_restart_that_waits_does_not_hold_up_the_end() -> None:
    async def main() -> None:
        log: list[str] = []
        starts: list[int] = []
        kernel = Kernel()
        children = (
            ChildSpec(id="noted", actor_class=Noted, args=(log,)),
            ChildSpec(id="second", actor_class=Second, args=(starts,), name="second"),
        )
        top = await kernel.spawn(Supervisor, children)
        kernel.ref("second").kill()
        await settle()
        assert len(starts) == 2
        top.exit(Shutdown())
        await top.wait_exit()
        assert log == ["stopped"] and kernel.live == 0

    run(main())


def test_the_starter_hears_that_the_start_was_called_off() -> None:
    async def main() -> None:
        log: list[str] = []
        kernel = Kernel()
        spec = tree(log, Waiter)
        starting = asyncio.ensure_future(kernel.spawn(Supervisor, *spec.args, name="outer"))
        await settle()
        kernel.ref("outer").exit(Shutdown("called off"))
        outcome = (await asyncio.gather(starting, return_exceptions=True))[0]
        assert isinstance(outcome, StartError) and "called off" in str(outcome)

    run(main())
