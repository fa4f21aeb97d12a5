"""Passivation: number 22 of the list of OTP behaviours."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel import (
    IGNORE,
    Actor,
    ActorDeadError,
    ActorRef,
    BlockingActor,
    ChildSpec,
    Crashed,
    InvalidChildSpecError,
    Kernel,
    Killed,
    ManualClock,
    Normal,
    StartChild,
    WhichChildren,
)
from supervisors import DynamicSupervisor, Supervisor, snapshot
from tests.actors_for_tests import Boom, Echo, add, inside, new_log, note, post, settle, until
from tests.support import run

IDLE_S = 60.0


class Session(Actor):
    """Counts its messages; what it counted outlives its sleep in `store`."""

    def __init__(self, store: dict[str, Any], slow: bool = False) -> None:
        super().__init__()
        self.store = store
        self.slow = slow
        self.count = 0
        store["made"] = store.get("made", 0) + 1

    def on_start(self) -> Any:
        self.count = self.store.get("count", 0)
        if self.store.get("broken"):
            raise Boom
        if self.store.get("unneeded"):
            return IGNORE
        return self.wait() if self.slow else None

    async def wait(self) -> None:
        await asyncio.sleep(0)

    def on_passivate(self) -> Any:
        self.store["count"] = self.count
        return self.wait() if self.slow else None

    def on_stop(self) -> None:
        self.store["stopped"] = self.exit_reason

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message(self)
        self.count += 1
        return self.count


def asleep(ref: ActorRef[Any]) -> bool:
    cell = ref.resolve()
    return cell is not None and cell.status == "running" and cell.actor is None


async def idle(clock: ManualClock, ref: ActorRef[Any]) -> None:
    clock.advance(IDLE_S)
    await settle()
    assert asleep(ref)


@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
@pytest.mark.parametrize("slow", [False, True])
def test_22_an_idle_actor_sleeps_and_its_next_message_makes_it_anew(kind: Any, slow: bool) -> None:
    async def main() -> None:
        clock, store = ManualClock(), dict[str, Any]()
        kernel = Kernel(clock=clock)
        sup = await kernel.spawn(kind)
        ref = await add(sup, ChildSpec("s", Session, (store, slow), name="s", passivate_after_s=IDLE_S))
        assert [await ref.call(n) for n in "abc"] == [1, 2, 3]
        await idle(clock, ref)
        assert store == {"made": 1, "count": 3}
        (top,) = snapshot(kernel)
        assert [c["status"] for c in top["children"]] == ["asleep"]
        assert [i.ref for i in await sup.call(WhichChildren())] == [ref]
        assert [await ref.call("d"), await kernel.ref("s").call("e")] == [4, 5]
        assert store["made"] == 2
        await idle(clock, ref)
        assert await ref.call("f") == 6
        assert store["made"] == 3
        assert sup.is_alive()

    run(main())


def test_22_every_message_postpones_the_sleep() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Session, {}, passivate_after_s=IDLE_S)
        for _ in range(5):
            clock.advance(IDLE_S - 1)
            await settle()
            await ref.call("still here")
        assert not asleep(ref)
        await idle(clock, ref)

    run(main())


def test_22_messages_that_come_while_it_falls_asleep_or_wakes_are_kept_in_order() -> None:
    async def main() -> None:
        clock, seen = ManualClock(), new_log()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Session, {}, slow=True, passivate_after_s=IDLE_S)
        clock.advance(IDLE_S)
        for number in range(10):
            post(ref, note(seen, str(number)))
            await asyncio.sleep(0)
        await settle()
        assert seen == [str(n) for n in range(10)]

    run(main())


@pytest.mark.parametrize("reason", ["task", "reply", "timer"])
def test_22_an_actor_with_work_under_way_stays_awake(reason: str) -> None:
    async def main() -> None:
        clock, gate = ManualClock(), asyncio.Event()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Session, {}, passivate_after_s=IDLE_S)
        owed: asyncio.Future[Any] | None = None
        replies: list[Any] = []
        if reason == "task":
            await inside(ref, lambda actor: actor.spawn_task(gate.wait()) and None)
        elif reason == "reply":

            def owe(actor: Any) -> None:
                replies.append(actor.later())

            owed = asyncio.ensure_future(ref.call(owe, timeout_s=None))
            await settle()
        else:
            await inside(ref, lambda actor: actor.tell_after(IDLE_S * 3, "tick") and None)
        for _ in range(2):
            clock.advance(IDLE_S)
            await settle()
            assert not asleep(ref)
        gate.set()
        for reply in replies:
            reply.set("at last")
        if owed is not None:
            assert await owed == "at last"
        clock.advance(IDLE_S)
        await settle()
        clock.advance(IDLE_S)
        await settle()
        assert asleep(ref)

    run(main())


def test_22_a_stop_or_kill_ends_a_sleeping_actor_without_waking_it() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        for end, reason in (("stop", Normal()), ("kill", Killed())):
            store: dict[str, Any] = {}
            ref = await kernel.spawn(Session, store, name="s", passivate_after_s=IDLE_S)
            await idle(clock, ref)
            if end == "stop":
                assert await ref.stop() is True
            else:
                ref.kill()
            assert await ref.wait_exit() == reason
            assert store == {"made": 1, "count": 0}
            assert kernel.registry.whereis("s") is None
        clock.advance(10 * IDLE_S)
        await settle()
        assert (kernel.live, kernel.tasks) == (0, frozenset())

    run(main())


def test_22_a_call_whose_caller_left_wakes_nobody() -> None:
    async def main() -> None:
        clock, store = ManualClock(), dict[str, Any]()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Session, store, passivate_after_s=IDLE_S)
        await idle(clock, ref)
        call = asyncio.ensure_future(ref.call("x"))
        await asyncio.sleep(0)
        call.cancel()
        await settle()
        assert asleep(ref)
        assert store["made"] == 1

    run(main())


@pytest.mark.parametrize("slow", [False, True])
def test_22_a_crash_on_waking_is_restarted_and_the_waiting_call_fails_with_the_reason(slow: bool) -> None:
    async def main() -> None:
        clock, store = ManualClock(), dict[str, Any]()
        kernel = Kernel(clock=clock)
        sup = await kernel.spawn(
            Supervisor, [ChildSpec("s", Session, (store, slow), name="s", passivate_after_s=IDLE_S)]
        )
        ref = kernel.registry.whereis("s")
        assert ref is not None
        await idle(clock, ref)
        store["broken"] = True
        waiting = asyncio.ensure_future(ref.call("x"))
        await until(lambda: not ref.is_alive())
        store["broken"] = False
        with pytest.raises(ActorDeadError) as caught:
            await waiting
        assert isinstance(caught.value.reason, Crashed)
        assert "stopped" not in store  # what never started has nothing to stop
        await until(lambda: kernel.registry.whereis("s") not in (None, ref))
        assert await kernel.ref("s").call("again") == 1
        assert sup.is_alive()

    run(main())


def test_22_an_actor_that_finds_itself_unneeded_on_waking_ends_normally() -> None:
    async def main() -> None:
        clock, store = ManualClock(), dict[str, Any]()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Session, store, passivate_after_s=IDLE_S)
        await idle(clock, ref)
        store["unneeded"] = True
        with pytest.raises(ActorDeadError):
            await ref.call("x")
        assert ref.exit_reason == Normal()

    run(main())


def test_22_an_error_while_falling_asleep_is_a_crash() -> None:
    class Bad(Session):
        def on_passivate(self) -> Any:
            raise Boom

    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Bad, {}, passivate_after_s=IDLE_S)
        clock.advance(IDLE_S)
        await settle()
        assert isinstance(ref.exit_reason, Crashed)

    run(main())


def test_22_a_kill_in_the_middle_of_falling_asleep_or_waking_leaves_nothing() -> None:
    gate = asyncio.Event()

    class Held(Session):
        async def wait(self) -> None:
            if self.store.get("held"):
                await gate.wait()

    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        for phase in ("falling asleep", "waking"):
            store: dict[str, Any] = {}
            ref = await kernel.spawn(Held, store, slow=True, passivate_after_s=IDLE_S)
            if phase == "waking":
                await idle(clock, ref)
            store["held"] = True
            if phase == "falling asleep":
                clock.advance(IDLE_S)
            call = asyncio.ensure_future(ref.call("x"))
            await settle()
            ref.kill()
            assert await ref.wait_exit() == Killed()
            with pytest.raises(ActorDeadError):
                await call
        await settle()
        assert (kernel.live, kernel.tasks) == (0, frozenset())

    run(main())


def test_22_links_and_monitors_hold_through_the_sleep() -> None:
    async def main() -> None:
        clock, log = ManualClock(), new_log()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Session, {}, passivate_after_s=IDLE_S)
        watcher, friend = await kernel.spawn(Echo, log), await kernel.spawn(Echo)
        await inside(watcher, lambda actor: actor.monitor(ref) and None)
        await inside(friend, lambda actor: actor.link(ref))
        await idle(clock, ref)
        boom = Boom()
        ref.tell(boom)
        await settle()
        assert [m.reason for m in log[1:]] == [Crashed(boom)]
        assert friend.exit_reason == Crashed(boom)

    run(main())


def test_22_an_idle_message_of_the_actors_own_comes_before_its_sleep_and_not_after() -> None:
    async def main() -> None:
        clock, log = ManualClock(), new_log()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Session, {}, passivate_after_s=IDLE_S)
        await inside(ref, lambda actor: actor.idle_after(IDLE_S / 2, note(log, "idle")))
        clock.advance(IDLE_S / 2)
        await settle()
        assert log == ["idle"]
        await idle(clock, ref)
        clock.advance(10 * IDLE_S)
        await settle()
        assert (log, asleep(ref)) == (["idle"], True)

    run(main())


def test_22_a_blocking_actor_gives_its_thread_back_while_it_sleeps() -> None:
    class Desk(BlockingActor):
        def on_receive(self, message: Any) -> Any:
            return self.thread_ident

    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Desk, passivate_after_s=IDLE_S)
        first = await ref.call("who?")
        assert isinstance(first, int)
        clock.advance(IDLE_S)
        await until(lambda: asleep(ref), passes=1_000_000)
        assert isinstance(await ref.call("who?"), int)
        await kernel.shutdown()

    run(main())


@pytest.mark.parametrize(
    "spec",
    [ChildSpec("s", Supervisor, type="supervisor", passivate_after_s=1.0), ChildSpec("s", Echo, passivate_after_s=0.0)],
)
def test_22_only_workers_may_sleep_and_only_after_some_time(spec: ChildSpec) -> None:
    async def main() -> None:
        sup = await Kernel().spawn(Supervisor)
        with pytest.raises(InvalidChildSpecError) as caught:
            await sup.call(StartChild(spec))
        assert caught.value.field == "passivate_after_s"

    run(main())
