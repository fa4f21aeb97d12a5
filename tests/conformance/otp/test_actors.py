"""Actors: numbers 1 to 22 of the list of OTP behaviours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from actors.kernel import (
    IGNORE,
    Actor,
    ActorDeadError,
    ActorExited,
    ActorRef,
    CallTimeout,
    Crashed,
    DeadlockError,
    Kernel,
    Killed,
    LoopBlocked,
    LoopWatchdog,
    MailboxFull,
    ManualClock,
    Normal,
    Shutdown,
    StartError,
)
from actors.kernel.watchdog import describe
from tests.actors_for_tests import Boom, Echo, Gate, Refusal, events_of, inside, new_log, note, post, settle, until
from tests.support import run


class SlowStart(Actor):
    def __init__(self, gate: asyncio.Event, fail: bool = False) -> None:
        super().__init__()
        self.gate = gate
        self.fail = fail
        self.ready = False

    async def on_start(self) -> None:
        await self.gate.wait()
        if self.fail:
            raise Boom
        self.ready = True

    def on_receive(self, message: Any) -> bool:
        return self.ready


def test_01_start_returns_only_after_init_has_finished() -> None:
    async def main() -> None:
        kernel, gate = Kernel(), asyncio.Event()
        starting = asyncio.ensure_future(kernel.spawn(SlowStart, gate))
        await settle()
        assert not starting.done()
        gate.set()
        assert await (await starting).call("?") is True

    run(main())


@pytest.mark.parametrize("slow", [False, True])
def test_01_a_failing_init_raises_a_start_error_and_leaves_nothing(slow: bool) -> None:
    class Failing(Actor):
        def on_start(self) -> None:
            raise Boom

    async def main() -> None:
        kernel, gate = Kernel(), asyncio.Event()
        gate.set()
        with pytest.raises(StartError) as caught:
            if slow:
                await kernel.spawn(SlowStart, gate, fail=True, name="x")
            else:
                await kernel.spawn(Failing, name="x")
        assert isinstance(caught.value.reason, Crashed)
        assert isinstance(caught.value.reason.exception, Boom)
        await settle()
        assert (kernel.live, kernel.registry.names(), kernel.tasks) == (0, (), frozenset())

    run(main())


def test_02_an_init_that_misses_its_deadline_is_killed_and_reported_as_a_timeout() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        starting = asyncio.ensure_future(kernel.spawn(SlowStart, asyncio.Event(), name="slow", start_timeout_s=2.0))
        await settle()
        clock.advance(2.0)
        with pytest.raises(StartError) as caught:
            await starting
        assert isinstance(caught.value.reason, Crashed)
        assert isinstance(caught.value.reason.exception, TimeoutError)
        assert (kernel.live, kernel.registry.names()) == (0, ())

    run(main())


def test_03_an_actor_that_ignores_its_start_yields_no_live_ref() -> None:
    class Unneeded(Actor):
        def on_start(self) -> Any:
            return IGNORE

    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Unneeded, name="x")
        assert not ref.is_alive()
        assert ref.exit_reason == Normal()
        assert kernel.live == 0

    run(main())


def test_04_messages_of_each_sender_arrive_in_the_order_sent() -> None:
    got: list[Any] = []

    class Sink(Actor):
        async def on_receive(self, message: Any) -> None:
            if message[1] % 7 == 0:
                await asyncio.sleep(0)
            got.append(message)

    class Sender(Actor):
        def on_receive(self, message: Any) -> None:
            name, sink = message
            for number in range(200):
                sink.tell((name, number))

    async def main() -> None:
        kernel = Kernel()
        sink = await kernel.spawn(Sink)
        for name in "abc":
            (await kernel.spawn(Sender)).tell((name, sink))
        await until(lambda: len(got) == 600)
        for name in "abc":
            assert [n for s, n in got if s == name] == list(range(200))

    run(main())


def test_05_call_returns_the_handlers_value_and_an_exception_crashes_the_actor_and_fails_the_caller() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        assert await ref.call(41) == 41
        boom = Boom("once")
        with pytest.raises(Boom) as caught:
            await ref.call(boom)
        assert caught.value is boom
        assert ref.exit_reason == Crashed(boom)
        told = await kernel.spawn(Echo)
        told.tell(boom)
        await settle()
        assert told.exit_reason == Crashed(boom)

    run(main())


def test_06_a_reply_may_come_later_while_the_actor_serves_others_and_a_refusal_does_not_crash() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        gate = asyncio.Event()

        async def work() -> str:
            await gate.wait()
            return "late"

        waiting = asyncio.ensure_future(inside(ref, lambda actor: actor.defer(work())))
        assert await ref.call("meanwhile") == "meanwhile"
        gate.set()
        assert await waiting == "late"
        with pytest.raises(Refusal):
            await ref.call(Refusal("no"))
        assert await ref.call("alive") == "alive"

        kept: list[Any] = []
        waiting = asyncio.ensure_future(inside(ref, lambda actor: kept.append(actor.later())))
        await settle()
        assert not waiting.done()
        kept[0].set("by hand")
        assert await waiting == "by hand"

    run(main())


def test_07_a_call_to_a_dead_or_unknown_actor_fails_at_once() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        ref = await kernel.spawn(Echo)
        await ref.stop()
        with pytest.raises(ActorDeadError):
            await ref.call(1)
        with pytest.raises(ActorDeadError):
            await kernel.ref("nobody").call(1)
        with pytest.raises(ActorDeadError):
            ref.tell(1)

    run(main())


def test_08_running_and_queued_calls_fail_with_the_reason_when_the_callee_dies() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        ref = await kernel.spawn(Gate)
        calls = [asyncio.ensure_future(ref.call(asyncio.Event())) for _ in range(5)]
        await settle()
        ref.kill()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(r, ActorDeadError) and r.reason == Killed() for r in results)

    run(main())


@pytest.mark.parametrize("end", ["kill", "crash", "stop"])
def test_08_deferred_replies_fail_with_the_reason_too(end: str) -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        ref = await kernel.spawn(Echo)
        late = asyncio.ensure_future(inside(ref, lambda actor: actor.defer(asyncio.sleep(3600))))
        await settle()
        if end == "kill":
            ref.kill()
        elif end == "crash":
            ref.tell(Boom())
        else:
            ref.stop()
        with pytest.raises(ActorDeadError) as caught:
            await late
        assert caught.value.reason == await ref.wait_exit()

    run(main())


def test_09_a_timed_out_call_leaves_the_callee_at_work_and_its_late_reply_is_dropped() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel, log, gate = Kernel(clock=clock), new_log(), asyncio.Event()
        ref = await kernel.spawn(Gate, log)
        call = asyncio.ensure_future(ref.call(gate, timeout_s=3.0))
        await settle()
        clock.advance(3.0)
        with pytest.raises(CallTimeout):
            await call
        gate.set()
        assert await ref.call("still here") == "still here"
        assert log == ["passed"]

    run(main())


class Caller(Actor):
    async def on_receive(self, message: Any) -> Any:
        target, inner = message
        return await target.call(inner, timeout_s=5.0)


def test_10_calling_oneself_and_a_cycle_of_calls_fail_and_name_the_cycle() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        alone = await kernel.spawn(Caller, name="alone")
        with pytest.raises(DeadlockError) as caught:
            await alone.call((alone, "x"))
        assert caught.value.cycle == ("alone", "alone")
        a, b = await kernel.spawn(Caller, name="a"), await kernel.spawn(Caller, name="b")
        with pytest.raises(DeadlockError) as caught:
            await a.call((b, (a, "x")))
        assert caught.value.cycle == ("b", "a", "b")

    run(main())


def test_11_a_cancelled_caller_leaves_no_pending_reply_and_its_deferred_work_is_cancelled() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        call = asyncio.ensure_future(inside(ref, lambda actor: actor.defer(asyncio.sleep(3600))))
        await settle()
        assert len(kernel.tasks) == 1
        call.cancel()
        await settle()
        cell = ref.resolve()
        assert cell is not None
        assert (kernel.tasks, cell.pending, ref.is_alive()) == (frozenset(), {}, True)

    run(main())


def test_12_stop_runs_behind_what_was_queued_and_is_idempotent() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        ref = await kernel.spawn(Echo, log)
        post(ref, lambda actor: log.append("first"))
        first, second = ref.stop(), ref.stop()
        assert await first is True
        assert await second is True
        assert log[1:] == ["first", ("stop", "", Normal())]
        assert await ref.stop() is False

    run(main())


def test_13_on_stop_runs_on_stop_shutdown_and_crash_but_not_on_kill() -> None:
    async def main() -> None:
        kernel = Kernel()
        boom = Boom()
        ends: list[tuple[Callable[[ActorRef[Any]], object], Any]] = [
            (lambda ref: ref.stop(), Normal()),
            (lambda ref: ref.exit(Shutdown("x")), Shutdown("x")),
            (lambda ref: ref.tell(boom), Crashed(boom)),
            (lambda ref: ref.kill(), None),
        ]
        for end, reason in ends:
            log: list[Any] = []
            ref = await kernel.spawn(Echo, log)
            end(ref)
            await settle()
            assert not ref.is_alive()
            assert log[1:] == ([("stop", "", reason)] if reason else [])

    run(main())


@pytest.mark.parametrize("wait_first", [False, True])
def test_14_an_exception_in_on_stop_becomes_the_exit_reason_and_monitors_still_hear(wait_first: bool) -> None:
    boom = Boom()

    class BadEnd(Actor):
        async def on_stop(self) -> None:
            if wait_first:
                await asyncio.sleep(0)
            raise boom

    async def main() -> None:
        kernel, log = Kernel(), new_log()
        watcher = await kernel.spawn(Echo, log)
        ref = await kernel.spawn(BadEnd, name="bad")
        await inside(watcher, lambda actor: actor.monitor(ref) and None)
        await ref.stop()
        await settle()
        assert ref.exit_reason == Crashed(boom)
        assert [m.reason for m in log[1:]] == [Crashed(boom)]
        assert kernel.registry.whereis("bad") is None

    run(main())


def test_15_a_kill_cannot_be_trapped_by_a_handler_that_swallows_cancellation() -> None:
    class Stubborn(Actor):
        async def on_receive(self, message: Any) -> None:
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    if message == "for a while":
                        message = "enough"
                        continue
                    raise

        def on_stop(self) -> None:
            raise AssertionError("on_stop must not run on a kill")

    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        ref = await kernel.spawn(Stubborn)
        ref.tell("for a while")
        await settle()
        ref.kill()
        assert await ref.wait_exit() == Killed()

    run(main())


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
@pytest.mark.parametrize("in_task", [False, True])
def test_16_base_exceptions_from_a_handler_crash_that_actor_only(error: BaseException, in_task: bool) -> None:
    class Raiser(Actor):
        async def on_receive(self, message: Any) -> None:
            if in_task:
                await asyncio.sleep(0)
            raise error

    async def main() -> None:
        kernel = Kernel()
        other = await kernel.spawn(Echo)
        ref = await kernel.spawn(Raiser)
        with pytest.raises(ActorDeadError):
            await ref.call("go")
        assert ref.exit_reason == Crashed(error)
        told = await kernel.spawn(Raiser)
        told.tell("go")
        await until(lambda: not told.is_alive())
        assert await other.call("alive") == "alive"

    run(main())


def test_17_a_full_mailbox_rejects_tells_makes_calls_wait_and_lets_system_messages_in() -> None:
    class Small(Gate):
        mailbox_limit = 2
        trap_exit = True

    async def main() -> None:
        clock = ManualClock()
        kernel, gate = Kernel(clock=clock), asyncio.Event()
        ref = await kernel.spawn(Small)
        ref.tell(gate)
        await settle()
        ref.tell(1)
        ref.tell(2)
        with pytest.raises(MailboxFull):
            ref.tell(3)
        patient = asyncio.ensure_future(ref.call("patient", timeout_s=5.0))
        hasty = asyncio.ensure_future(ref.call("hasty", timeout_s=1.0))
        await settle()
        clock.advance(1.0)
        with pytest.raises(CallTimeout):
            await hasty
        friend = await kernel.spawn(Echo)
        await inside(friend, lambda actor: actor.link(ref))
        friend.tell(Boom())
        gate.set()
        assert await patient == "patient"

    run(main())


def test_17_a_telemetry_mailbox_drops_the_oldest() -> None:
    class Lossy(Echo):
        mailbox_limit = 2
        mailbox_policy = "drop_oldest"

    async def main() -> None:
        kernel, seen = Kernel(), new_log()
        ref = await kernel.spawn(Lossy)
        for number in range(5):
            post(ref, lambda _actor, n=number: seen.append(n))
        await settle()
        assert seen == [3, 4]

    run(main())


def test_18_system_messages_overtake_queued_user_messages() -> None:
    async def main() -> None:
        kernel, log, gate = Kernel(), new_log(), asyncio.Event()

        class Busy(Gate):
            async def on_receive(self, message: Any) -> Any:
                self.log.append(type(message).__name__)
                return await super().on_receive(message)

        ref = await kernel.spawn(Busy, log)
        target = await kernel.spawn(Echo)
        monitored: list[Any] = []
        cell = ref.resolve()
        assert cell is not None and cell.actor is not None
        monitored.append(cell.actor.monitor(target))
        ref.tell(gate)
        await settle()
        ref.tell("user")
        target.kill()
        await settle()
        gate.set()
        await settle()
        assert [entry for entry in log if entry in ("Down", "str")] == ["Down", "str"]

    run(main())


def test_19_a_handler_that_blocks_the_loop_is_reported_with_its_name_and_line() -> None:
    async def main() -> None:
        kernel = Kernel()
        blocked = events_of(kernel, LoopBlocked)
        await kernel.spawn(LoopWatchdog, interval_s=0.01, threshold_s=0.05)
        ref = await kernel.spawn(Echo, name="hog")
        post(ref, lambda _actor: threading.Event().wait(0.3))
        async with asyncio.timeout(5):
            while not blocked:
                await asyncio.sleep(0.01)
        assert "hog" in blocked[0].where
        assert blocked[0].lag_s >= 0.05
        assert "no actor" in describe(kernel)
        await kernel.shutdown()

    run(main())


def test_20_timers_die_with_their_actor_and_a_cancelled_one_is_never_delivered() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        got = new_log()
        ref = await kernel.spawn(Echo)
        timers: list[Any] = []

        def arm(actor: Any) -> None:
            actor.tell_after(1.0, note(got, "once"))
            timers.append(actor.tell_every(1.0, note(got, "every")))
            timers.append(actor.tell_after(1.0, note(got, "cancelled although due")))

        await inside(ref, arm)
        clock.advance(1.0)
        timers[1].cancel()  # its message is queued already
        await settle()
        assert got == ["once", "every"]
        clock.advance(2.0)
        await settle()
        assert got == ["once", "every", "every"]
        await ref.stop()
        clock.advance(10.0)
        await settle()
        assert got == ["once", "every", "every"]

    run(main())


def test_21_an_idle_timeout_starts_again_with_every_message() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel, log = Kernel(clock=clock), new_log()
        ref = await kernel.spawn(Echo, log)
        await inside(ref, lambda actor: actor.idle_after(5.0, note(log, "idle")))
        clock.advance(4.0)
        await ref.call("busy")
        clock.advance(4.0)
        await settle()
        assert "idle" not in log
        clock.advance(1.0)
        await settle()
        assert log.count("idle") == 1

    run(main())


def test_exits_are_published_once_with_their_reason() -> None:
    async def main() -> None:
        kernel = Kernel()
        exits = events_of(kernel, ActorExited)
        ref = await kernel.spawn(Echo)
        ref.kill()
        ref.kill()
        ref.exit(Shutdown())
        await settle()
        assert [(e.ref, e.reason) for e in exits] == [(ref, Killed())]

    run(main())
