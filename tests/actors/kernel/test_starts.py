"""A start that fails, late or from outside, leaves nothing behind: no name, no task, no stray signal."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel import (
    IGNORE,
    Actor,
    ActorDeadError,
    ActorStarted,
    BlockingActor,
    Crashed,
    DeadlockError,
    Kernel,
    KernelClosedError,
    Killed,
    ManualClock,
    NameTakenError,
    NoProcess,
    Shutdown,
    StartError,
)
from tests.actors_for_tests import Boom, Echo, Trapper, events_of, inside, new_log, settle, until
from tests.support import run


class Held(Actor):
    """An init that waits for the gate and may refuse to be cancelled."""

    def __init__(self, gate: asyncio.Event, stubborn: bool = False, log: list[Any] | None = None) -> None:
        super().__init__()
        self.gate = gate
        self.stubborn = stubborn
        self.log: list[Any] = log if log is not None else []

    async def on_start(self) -> None:
        while not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
        self.log.append("init done")

    def on_stop(self) -> None:
        self.log.append(("stop", self.exit_reason))

    def on_receive(self, message: Any) -> Any:
        return message


class TrappingHeld(Held):
    trap_exit = True


def nothing_left(kernel: Kernel) -> bool:
    return (kernel.live, kernel.registry.names(), kernel.tasks) == (0, (), frozenset())


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_an_actor_ended_from_outside_during_its_init_does_not_start(end: str) -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        starting = asyncio.ensure_future(kernel.spawn(Held, asyncio.Event(), log=log, name="x"))
        await settle()
        ref = kernel.registry.whereis("x")
        assert ref is not None
        ref.kill() if end == "kill" else ref.exit(Shutdown("enough"))
        with pytest.raises(StartError) as caught:
            await starting
        assert caught.value.reason == (Killed() if end == "kill" else Shutdown("enough"))
        await settle()
        assert nothing_left(kernel)
        assert log == []  # an init that was cut off has nothing to stop

    run(main())


def test_an_actor_that_traps_exits_finishes_its_init_and_then_stops_in_order() -> None:
    async def main() -> None:
        kernel, log, gate = Kernel(), new_log(), asyncio.Event()
        starting = asyncio.ensure_future(kernel.spawn(TrappingHeld, gate, log=log, name="x"))
        await settle()
        kernel.ref("x").exit(Shutdown("enough"))
        await settle()
        assert log == []
        gate.set()
        with pytest.raises(StartError) as caught:
            await starting
        assert caught.value.reason == Shutdown("enough")
        assert log == ["init done", ("stop", Shutdown("enough"))]
        assert nothing_left(kernel)

    run(main())


def test_an_init_that_swallows_cancellation_is_abandoned_at_its_deadline() -> None:
    async def main() -> None:
        clock, gate = ManualClock(), asyncio.Event()
        kernel = Kernel(clock=clock)
        starting = asyncio.ensure_future(kernel.spawn(Held, gate, stubborn=True, name="x", start_timeout_s=1.0))
        await settle()
        clock.advance(1.0)
        with pytest.raises(StartError, match="did not finish within 1 s"):
            await starting
        assert kernel.registry.whereis("x") is None
        assert await kernel.spawn(Echo, name="x")  # the name is free though the old code still runs
        gate.set()
        await settle()

    run(main())


def test_an_init_that_ends_just_before_its_deadline_is_not_disturbed_by_it() -> None:
    async def main() -> None:
        clock, gate = ManualClock(), asyncio.Event()
        kernel = Kernel(clock=clock)
        starting = asyncio.ensure_future(kernel.spawn(Held, gate, start_timeout_s=1.0))
        await settle()
        gate.set()
        ref = await starting
        clock.advance(5.0)
        assert await ref.call("alive") == "alive"

    run(main())


def test_a_starter_that_is_cancelled_takes_its_start_along() -> None:
    async def main() -> None:
        kernel = Kernel()
        starting = asyncio.ensure_future(kernel.spawn(Held, asyncio.Event(), name="x"))
        await settle()
        starting.cancel()
        await until(lambda: nothing_left(kernel))

    run(main())


def test_a_failing_init_sends_its_starter_no_exit_signal_beside_the_start_error() -> None:
    class Failing(Actor):
        def on_start(self) -> None:
            raise Boom

    class SlowFailing(Actor):
        async def on_start(self) -> None:
            await asyncio.sleep(0)
            raise Boom

    async def main() -> None:
        kernel, log = Kernel(), new_log()
        starter = await kernel.spawn(Trapper, log)
        for failing in (Failing, SlowFailing):
            with pytest.raises(StartError):
                await kernel.spawn(failing, link_to=starter)
        await settle()
        assert log == [("start", "")]
        mortal = await kernel.spawn(Echo)
        with pytest.raises(StartError):
            await kernel.spawn(SlowFailing, link_to=mortal)
        await settle()
        assert mortal.is_alive()

    run(main())


def test_others_that_an_init_linked_to_do_hear_of_its_failure() -> None:
    async def main() -> None:
        kernel = Kernel()
        other = await kernel.spawn(Echo)

        class Linking(Actor):
            async def on_start(self) -> None:
                self.link(other)
                await asyncio.sleep(0)
                raise Boom

        with pytest.raises(StartError):
            await kernel.spawn(Linking)
        assert isinstance(await other.wait_exit(), Crashed)

    run(main())


def test_linking_to_a_starter_that_is_gone_fails_the_start() -> None:
    async def main() -> None:
        kernel = Kernel()
        gone = await kernel.spawn(Echo)
        await gone.stop()
        with pytest.raises(StartError) as caught:
            await kernel.spawn(Echo, link_to=gone, name="x")
        assert caught.value.reason == NoProcess()
        assert nothing_left(kernel)

    run(main())


@pytest.mark.parametrize("slow", [False, True])
def test_work_that_a_failed_init_began_ends_with_it(slow: bool) -> None:
    class Begun(Actor):
        def on_start(self) -> Any:
            self.spawn_task(asyncio.sleep(3600))
            if not slow:
                self.ref.exit(Shutdown("changed my mind"))
                return None
            return self.wait()

        async def wait(self) -> None:
            await asyncio.sleep(0)
            raise Boom

    async def main() -> None:
        kernel = Kernel()
        with pytest.raises(StartError):
            await kernel.spawn(Begun)
        await settle()
        assert nothing_left(kernel)

    run(main())


def test_an_init_that_ends_itself_fails_its_start_with_that_reason() -> None:
    class Suicidal(Actor):
        async def on_start(self) -> None:
            self.ref.kill()
            await asyncio.sleep(3600)

    class AtOnce(Actor):
        def on_start(self) -> None:
            self.ref.kill()

    async def main() -> None:
        kernel = Kernel()
        for actor_class in (Suicidal, AtOnce):
            with pytest.raises(StartError) as caught:
                await kernel.spawn(actor_class, name="x")
            assert caught.value.reason == Killed()
        await settle()
        assert nothing_left(kernel)

    run(main())


@pytest.mark.parametrize("slow", [False, True])
def test_an_actor_that_chose_ignore_is_never_announced_as_started(slow: bool) -> None:
    class Unneeded(Actor):
        def on_start(self) -> Any:
            return self.later_ignored() if slow else IGNORE

        async def later_ignored(self) -> Any:
            await asyncio.sleep(0)
            return IGNORE

    async def main() -> None:
        kernel = Kernel()
        started = events_of(kernel, ActorStarted)
        ref = await kernel.spawn(Unneeded, name="x")
        assert not ref.is_alive()
        assert started == []
        assert nothing_left(kernel)

    run(main())


def test_a_taken_name_starts_nothing_and_leaves_the_holder_alone() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        holder = await kernel.spawn(Echo, name="desk")
        with pytest.raises(NameTakenError, match="Echo#"):
            await kernel.spawn(Echo, log, name="desk")
        assert (log, kernel.live, kernel.registry.whereis("desk")) == ([], 1, holder)

    run(main())


def test_messages_sent_to_a_name_during_init_wait_for_its_end() -> None:
    async def main() -> None:
        kernel, gate = Kernel(), asyncio.Event()
        starting = asyncio.ensure_future(kernel.spawn(Held, gate, name="x"))
        await settle()
        waiting = asyncio.ensure_future(kernel.ref("x").call("early"))
        await settle()
        assert not waiting.done()
        gate.set()
        await starting
        assert await waiting == "early"

    run(main())


def test_calls_that_wait_for_an_init_that_fails_hear_of_it() -> None:
    async def main() -> None:
        kernel = Kernel()
        starting = asyncio.ensure_future(kernel.spawn(Held, asyncio.Event(), name="x"))
        await settle()
        waiting = asyncio.ensure_future(kernel.ref("x").call("early"))
        await settle()
        kernel.ref("x").kill()
        with pytest.raises(ActorDeadError) as caught:
            await waiting
        assert caught.value.reason == Killed()
        with pytest.raises(StartError):
            await starting

    run(main())


def test_an_init_that_calls_the_actor_that_waits_for_it_fails_at_once_and_names_the_cycle() -> None:
    class Child(Actor):
        async def on_start(self) -> None:
            await self.kernel.ref("parent").call("hello?", timeout_s=60.0)

    class Parent(Actor):
        async def on_receive(self, message: Any) -> Any:
            return await self.kernel.spawn(Child, name="child")

    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        parent = await kernel.spawn(Parent, name="parent")
        with pytest.raises(StartError) as caught:
            await parent.call("go")
        reason = caught.value.reason
        assert isinstance(reason, Crashed)
        assert isinstance(reason.exception, DeadlockError)
        assert reason.exception.cycle == ("child", "parent", "child")

    run(main())


def test_nothing_starts_on_a_kernel_that_was_shut_down() -> None:
    async def main() -> None:
        kernel = Kernel()
        await kernel.spawn(Echo)
        await kernel.shutdown()
        with pytest.raises(KernelClosedError):
            await kernel.spawn(Echo)
        assert kernel.live == 0

    run(main())


def test_an_actor_that_starts_others_while_the_kernel_shuts_down_leaves_none_behind() -> None:
    class Breeder(Actor):
        async def on_stop(self) -> None:
            await self.kernel.spawn(Echo)

    async def main() -> None:
        kernel = Kernel()
        await kernel.spawn(Breeder)
        await kernel.shutdown()
        assert nothing_left(kernel)

    run(main())


def test_a_blocking_start_from_another_thread_is_refused_on_the_loop_and_after_its_end() -> None:
    async def main() -> Kernel:
        kernel = Kernel()
        with pytest.raises(DeadlockError):
            kernel.spawn_blocking(Echo)
        ref = await asyncio.to_thread(kernel.spawn_blocking, Echo, name="from a thread")
        assert await ref.call(1) == 1
        await kernel.shutdown()
        return kernel

    kernel = run(main())
    with pytest.raises(KernelClosedError):
        kernel.spawn_blocking(Echo)


def test_a_blocking_actor_whose_init_fails_lets_its_thread_go() -> None:
    class Failing(BlockingActor):
        def on_start(self) -> None:
            raise Boom

    async def main() -> None:
        kernel = Kernel()
        with pytest.raises(StartError):
            await kernel.spawn(Failing)
        assert nothing_left(kernel)

    run(main())


def test_an_actor_may_link_to_and_watch_others_from_its_init() -> None:
    class Tied(Trapper):
        def on_start(self) -> None:
            self.link(self.kernel.ref("other"))
            self.monitor(self.kernel.ref("other"))

    async def main() -> None:
        kernel, log = Kernel(), new_log()
        other = await kernel.spawn(Echo, name="other")
        tied = await kernel.spawn(Tied, log)
        other.kill()
        await settle()
        assert sorted(type(m).__name__ for m in log) == ["Down", "Exit"]
        assert await inside(tied, lambda _: "alive") == "alive"

    run(main())
