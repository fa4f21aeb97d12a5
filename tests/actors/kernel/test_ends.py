"""Ends: kills in the middle of everything, hooks that misbehave, code that outlives its actor."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest

from actors.kernel import (
    Actor,
    ActorAbandoned,
    ActorExited,
    BlockingActor,
    Crashed,
    Down,
    EventBus,
    Kernel,
    Killed,
    ManualClock,
    Normal,
    Shutdown,
)
from tests.actors_for_tests import Boom, Echo, Trapper, events_of, inside, new_log, settle, until
from tests.support import run


class SlowEnd(Actor):
    """Its `on_stop` waits for the gate."""

    def __init__(self, gate: asyncio.Event, log: list[Any] | None = None) -> None:
        super().__init__()
        self.gate = gate
        self.log: list[Any] = log if log is not None else []

    async def on_stop(self) -> None:
        self.log.append("stopping")
        await self.gate.wait()
        self.log.append("stopped")


def test_all_who_hear_of_an_end_hear_of_the_one_ref_that_they_know() -> None:
    """A dead actor's control block does not hold its ref: else neither would be free before a garbage collection."""

    async def main() -> None:
        kernel, log = Kernel(clock=ManualClock()), new_log()
        exits = events_of(kernel, ActorExited)
        ref, watcher = await kernel.spawn(Echo), await kernel.spawn(Echo, log)
        cell = ref.resolve()
        assert cell is not None
        await inside(watcher, lambda actor, ref=ref: actor.monitor(ref))
        ref.kill()
        await settle()
        await inside(watcher, lambda actor, ref=ref: actor.monitor(ref))  # too late
        await settle()
        downs = [message.ref for message in log if isinstance(message, Down)]
        assert [each is ref for each in (*downs, *(event.ref for event in exits), cell.ref)] == [True] * 4
        freed = weakref.ref(cell)
        downs.clear()
        exits.clear()
        log.clear()
        gc.disable()
        try:
            del ref, cell
            assert freed() is None
        finally:
            gc.enable()
        await kernel.shutdown()

    run(main())


def test_an_idle_thread_keeps_nothing_of_what_it_was_asked_and_answered_last() -> None:
    class Heavy:
        """A value that can be watched."""

    class Turner(BlockingActor):
        def on_receive(self, message: Any) -> Any:
            return Heavy()

    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Turner)
        message = Heavy()
        asked, answered = weakref.ref(message), weakref.ref(reply := await ref.call(message))
        gc.disable()
        try:
            del message, reply
            await until(lambda: (asked(), answered()) == (None, None))
        finally:
            gc.enable()
        await kernel.shutdown()

    run(main())


def test_a_kill_during_on_stop_ends_it_at_once() -> None:
    async def main() -> None:
        kernel, log = Kernel(clock=ManualClock()), new_log()
        exits = events_of(kernel, ActorExited)
        ref = await kernel.spawn(SlowEnd, asyncio.Event(), log)
        ref.exit(Shutdown())
        await settle()
        ref.kill()
        ref.kill()
        assert await ref.wait_exit() == Killed()
        await settle()
        assert log == ["stopping"]
        assert [e.reason for e in exits] == [Killed()]
        assert kernel.tasks == frozenset()

    run(main())


def test_a_kill_during_an_on_stop_that_swallows_cancellation_abandons_it_and_says_so() -> None:
    release = asyncio.Event()

    class Stubborn(Actor):
        async def on_stop(self) -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        abandoned = events_of(kernel, ActorAbandoned)
        ref = await kernel.spawn(Stubborn, name="x")
        ref.exit(Shutdown())
        await settle()
        ref.kill()
        assert await ref.wait_exit() == Killed()
        assert kernel.registry.whereis("x") is None
        assert [e.ref for e in abandoned] == [ref]
        release.set()
        await until(lambda: not kernel.tasks)

    run(main())


def test_the_first_reason_holds_when_several_ends_are_asked_for() -> None:
    async def main() -> None:
        kernel, gate = Kernel(), asyncio.Event()
        ref = await kernel.spawn(SlowEnd, gate)
        ref.exit(Shutdown("first"))
        ref.exit(Crashed(Boom()))
        stopped = ref.stop()
        gate.set()
        assert await stopped is True
        assert await ref.wait_exit() == Shutdown("first")

    run(main())


@pytest.mark.parametrize("value", [0, "done", [1], True])
def test_what_a_plain_on_stop_returns_is_of_no_account(value: Any) -> None:
    class Talkative(Actor):
        def on_stop(self) -> Any:
            return value

    class Busy(Talkative):
        async def on_receive(self, message: Any) -> None:
            await asyncio.sleep(3600)

    async def main() -> None:
        kernel = Kernel()
        idle, busy = await kernel.spawn(Talkative), await kernel.spawn(Busy)
        busy.tell("work")
        await settle()
        idle.exit(Shutdown())
        busy.exit(Shutdown())
        assert (await idle.wait_exit(), await busy.wait_exit()) == (Shutdown(), Shutdown())

    run(main())


def test_work_begun_in_on_stop_does_not_outlive_the_actor() -> None:
    class Restless(Actor):
        def on_stop(self) -> None:
            self.spawn_task(asyncio.sleep(3600))
            self.tell_after(1.0, "too late")

    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        ref = await kernel.spawn(Restless)
        await ref.stop()
        await settle()
        assert kernel.tasks == frozenset()

    run(main())


@pytest.mark.parametrize("error", [Boom(), SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()])
def test_an_error_in_release_disturbs_nobody(error: BaseException) -> None:
    class Sticky(Echo):
        def release(self) -> None:
            raise error

    async def main() -> None:
        kernel, log = Kernel(), new_log()
        watcher = await kernel.spawn(Trapper, log)
        ref = await kernel.spawn(Sticky)
        await inside(watcher, lambda actor: actor.link(ref))
        ref.kill()
        await settle()
        assert [type(m).__name__ for m in log[1:]] == ["Exit"]
        assert kernel.live == 1

    run(main())


@pytest.mark.parametrize("error", [Boom(), SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()])
def test_an_error_in_a_subscriber_of_events_reaches_neither_the_actor_nor_the_next_subscriber(
    error: BaseException,
) -> None:
    bus, got = EventBus(), new_log()

    def bad(_event: object) -> None:
        raise error

    bus.subscribe(bad)
    bus.subscribe(got.append)
    bus.publish("event")
    assert got == ["event"]


def test_a_subscriber_hears_the_kinds_that_it_named_in_the_order_of_subscription() -> None:
    class Base:
        pass

    class Derived(Base):
        pass

    bus, got = EventBus(), new_log()
    leave = bus.subscribe(lambda event: got.append(("derived", type(event))), Derived)
    bus.subscribe(lambda event: got.append(("all but", type(event))), but=(Derived,))
    bus.subscribe(lambda event: got.append(("base", type(event))), Base, str)
    for event in (Base(), Derived(), "text", 1):
        bus.publish(event)
    assert got == [
        ("all but", Base),
        ("base", Base),
        ("derived", Derived),
        ("base", Derived),
        ("all but", str),
        ("base", str),
        ("all but", int),
    ]
    assert bus.hears(Derived)
    got.clear()
    leave()
    leave()
    bus.publish(Derived())
    assert got == [("base", Derived)]


def test_only_a_kind_that_somebody_named_is_heard() -> None:
    bus = EventBus()
    assert not bus.hears(str)
    leave = bus.subscribe(lambda _: None, but=(str,))
    assert not bus.hears(str)
    assert bus.hears(int)
    leave()
    assert not bus.hears(int)


def test_an_actor_may_end_itself_in_a_plain_or_waiting_handler() -> None:
    class Waiting(Echo):
        async def on_receive(self, message: Any) -> Any:
            message(self)
            await asyncio.sleep(3600)

    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        for actor_class in (Echo, Waiting):
            for end, reason in (("exit", Shutdown("me")), ("kill", Killed())):
                log = new_log()
                ref = await kernel.spawn(actor_class, log)

                def leave(actor: Any, end: str = end) -> None:
                    actor.ref.kill() if end == "kill" else actor.ref.exit(Shutdown("me"))

                ref.tell(leave)
                assert await ref.wait_exit() == reason
                assert len([m for m in log if m[0] == "stop"]) == (0 if end == "kill" else 1)
        await settle()
        assert (kernel.live, kernel.tasks) == (0, frozenset())

    run(main())


def test_code_that_outlives_its_actor_can_start_nothing_in_its_name() -> None:
    kept: list[Any] = []

    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        ref, other = await kernel.spawn(Echo), await kernel.spawn(Echo)
        await inside(ref, kept.append)
        actor = kept[0]
        ref.kill()
        actor.tell_after(1.0, "x")
        actor.tell_every(1.0, "x")
        actor.link(other)
        actor.monitor(other)
        assert actor.spawn_task(asyncio.sleep(3600)).cancelling()
        clock.advance(10.0)
        await settle()
        cell = other.resolve()
        assert cell is not None
        assert (kernel.tasks, cell.links, cell.watched_by) == (frozenset(), None, None)

    run(main())


def test_a_handler_abandoned_by_a_kill_answers_nobody_and_its_deferred_work_is_closed() -> None:
    release = asyncio.Event()
    touched = new_log()

    async def never() -> None:
        touched.append("ran")

    class Stubborn(Actor):
        async def on_receive(self, message: Any) -> Any:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue
            return self.defer(never())

    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        ref = await kernel.spawn(Stubborn)
        ref.tell("go")
        await settle()
        ref.kill()
        await ref.wait_exit()
        release.set()
        await until(lambda: not kernel.tasks)
        assert touched == []

    run(main())


def test_an_actor_may_cancel_its_own_task_and_live() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        kept: list[asyncio.Task[Any]] = []
        await inside(ref, lambda actor: kept.append(actor.spawn_task(asyncio.sleep(3600))))
        await settle()
        kept[0].cancel()
        await settle()
        assert ref.is_alive()
        assert kernel.tasks == frozenset()

    run(main())


def test_a_cancellation_that_nobody_asked_for_in_an_owned_task_is_a_crash() -> None:
    async def foreign() -> None:
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        await inside(ref, lambda actor: actor.spawn_task(foreign()) and None)
        reason = await ref.wait_exit()
        assert isinstance(reason, Crashed)
        assert isinstance(reason.exception, asyncio.CancelledError)

    run(main())


def test_the_actor_and_its_tasks_end_before_its_monitors_hear_of_it() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        watcher = await kernel.spawn(Echo, log)
        ref = await kernel.spawn(Echo, log, "watched")

        async def work() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                log.append("task ended")

        await inside(ref, lambda actor: actor.spawn_task(work()) and None)
        await inside(watcher, lambda actor: actor.monitor(ref) and None)
        await settle()
        await ref.stop()
        await settle()
        kinds = [type(m).__name__ if isinstance(m, Down) else m if isinstance(m, str) else m[0] for m in log]
        assert kinds == ["start", "start", "stop", "task ended", "Down"]

    run(main())


def test_a_killed_blocking_actor_never_starts_the_work_that_was_queued_behind() -> None:
    release, ran = threading.Event(), new_log()

    class Blocker(BlockingActor):
        def on_receive(self, message: Any) -> Any:
            ran.append(message)
            release.wait(10)

    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Blocker)
        ref.tell(1)
        ref.tell(2)
        await until(lambda: ran == [1], passes=1_000_000)
        ref.kill()
        assert await ref.wait_exit() == Killed()
        release.set()
        after = await kernel.spawn(Blocker)
        await after.call(3)
        assert ran == [1, 3]
        await kernel.shutdown()

    run(main())


def test_a_blocking_actor_that_returns_after_the_loop_has_closed_harms_nobody() -> None:
    release = threading.Event()
    threads: list[threading.Thread] = []

    class Blocker(BlockingActor):
        def on_receive(self, message: Any) -> None:
            threads.append(threading.current_thread())
            release.wait(10)

    async def main() -> None:
        ref = await Kernel().spawn(Blocker)
        ref.tell("block")
        await until(lambda: threads, passes=1_000_000)
        ref.kill()

    run(main())
    release.set()
    threads[0].join(timeout=10)
    assert not threads[0].is_alive()


def test_stop_waits_for_the_end_from_everywhere_and_a_second_stop_for_the_same_one() -> None:
    async def main() -> None:
        kernel, gate = Kernel(), asyncio.Event()
        ref = await kernel.spawn(SlowEnd, gate)
        first, second = ref.stop(), ref.stop()
        elsewhere = asyncio.ensure_future(asyncio.to_thread(ref.stop, timeout=10))
        await settle()
        assert not first.inner.done()
        gate.set()
        assert (await first, await second) == (True, True)
        await elsewhere
        assert await asyncio.to_thread(ref.stop) is False
        assert ref.exit_reason == Normal()

    run(main())
