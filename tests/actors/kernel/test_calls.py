"""Calls: callers that give up, callers elsewhere, full mailboxes, replies from other threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from actors.kernel import (
    Actor,
    ActorDeadError,
    ActorRef,
    BlockingActor,
    CallTimedOut,
    CallTimeout,
    Crashed,
    DeadlockError,
    Kernel,
    KernelClosedError,
    Killed,
    MailboxFull,
    MailboxOverflowed,
    ManualClock,
    NameTakenError,
    Reply,
)
from tests.actors_for_tests import Boom, Echo, Gate, Refusal, events_of, inside, new_log, post, settle, until
from tests.support import run


class Small(Gate):
    mailbox_limit = 1


async def filled(kernel: Kernel, gate: asyncio.Event) -> ActorRef[Any]:
    """A busy actor with a full mailbox."""
    ref = await kernel.spawn(Small)
    ref.tell(gate)
    await settle()
    ref.tell("waits")
    return ref


def elsewhere(work: Callable[[], Any]) -> asyncio.Future[Any]:
    """Runs `work` on another thread."""
    return asyncio.ensure_future(asyncio.to_thread(work))


def on_a_foreign_loop(ref: ActorRef[Any], message: Any, timeout_s: float | None) -> Any:
    return asyncio.run(ref.call(message, timeout_s=timeout_s))


# ---- callers that wait for room ----------------------------------------------------------------------------


@pytest.mark.parametrize("leaves_by", ["cancel", "deadline"])
def test_a_caller_that_leaves_while_it_waits_for_room_does_not_take_the_next_ones_place(leaves_by: str) -> None:
    async def main() -> None:
        clock, gate = ManualClock(), asyncio.Event()
        kernel = Kernel(clock=clock)
        ref = await filled(kernel, gate)
        first = asyncio.ensure_future(ref.call("first", timeout_s=1.0))
        await settle()
        second = asyncio.ensure_future(ref.call("second", timeout_s=100.0))
        await settle()
        gate.set()  # the handler's end makes room, and in the same pass the first one leaves
        if leaves_by == "cancel":
            first.cancel()
        else:
            clock.advance(1.0)
        assert await second == "second"
        await asyncio.wait({first})
        assert first.cancelled() or isinstance(first.exception(), CallTimeout)

    run(main())


def test_many_callers_pass_a_small_mailbox_in_the_order_in_which_they_came() -> None:
    async def main() -> None:
        kernel, gate, seen = Kernel(), asyncio.Event(), new_log()

        class Noting(Small):
            async def on_receive(self, message: Any) -> Any:
                seen.append(message)
                return await super().on_receive(message)

        ref = await kernel.spawn(Noting)
        ref.tell(gate)
        await settle()
        calls = [asyncio.ensure_future(ref.call(n)) for n in range(50)]
        await settle()
        gate.set()
        assert await asyncio.gather(*calls) == list(range(50))
        assert seen[1:] == list(range(50))

    run(main())


def test_callers_that_wait_for_room_hear_of_the_callees_death() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        ref = await filled(kernel, asyncio.Event())
        calls = [asyncio.ensure_future(ref.call(n)) for n in range(10)]
        blocked = [elsewhere(lambda: ref.ask("x", timeout=10)) for _ in range(3)]
        cell = ref.resolve()
        assert cell is not None
        await until(lambda: cell.room_waiters is not None and len(cell.room_waiters) == 13, passes=1_000_000)
        ref.kill()
        ends = await asyncio.gather(*calls, *blocked, return_exceptions=True)
        assert all(isinstance(e, ActorDeadError) and e.reason == Killed() for e in ends)

    run(main())


def test_a_blocking_ask_and_a_foreign_call_wait_for_room_too_and_a_future_does_not() -> None:
    async def main() -> None:
        kernel, gate = Kernel(), asyncio.Event()
        ref = await filled(kernel, gate)
        with pytest.raises(MailboxFull):
            await ref.ask("impatient", block=False)
        blocked = elsewhere(lambda: ref.ask("patient", timeout=10))
        foreign = elsewhere(lambda: on_a_foreign_loop(ref, "foreign", 10.0))
        cell = ref.resolve()
        assert cell is not None
        await until(lambda: cell.room_waiters is not None and len(cell.room_waiters) == 2, passes=1_000_000)
        gate.set()
        assert (await blocked, await foreign) == ("patient", "foreign")

    run(main())


def test_a_tell_from_another_thread_into_a_full_mailbox_is_reported_as_an_event() -> None:
    async def main() -> None:
        kernel, gate = Kernel(), asyncio.Event()
        lost = events_of(kernel, MailboxOverflowed)
        ref = await filled(kernel, gate)
        await elsewhere(lambda: ref.tell("lost"))
        await settle()
        assert [e.ref for e in lost] == [ref]
        gate.set()
        await settle()
        assert ref.is_alive()

    run(main())


# ---- callers that give up ----------------------------------------------------------------------------------


def test_a_foreign_callers_timeout_leaves_the_deferred_work_alone_and_is_published() -> None:
    async def main() -> None:
        kernel, gate = Kernel(), asyncio.Event()
        late = events_of(kernel, CallTimedOut)
        ref, done = await kernel.spawn(Echo), new_log()

        async def work() -> str:
            await gate.wait()
            done.append("worked on")
            return "too late"

        def begin(actor: Actor) -> Any:
            return actor.defer(work())

        with pytest.raises(CallTimeout):
            await elsewhere(lambda: on_a_foreign_loop(ref, begin, 0.01))
        await until(lambda: late, passes=1_000_000)
        gate.set()
        await until(lambda: done)
        await settle()
        cell = ref.resolve()
        assert cell is not None
        assert (cell.pending, kernel.tasks, ref.is_alive()) == ({}, frozenset(), True)

    run(main())


def test_a_foreign_caller_that_is_cancelled_takes_its_deferred_work_along() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        ready = threading.Event()

        def give_up() -> None:
            async def body() -> None:
                call = asyncio.ensure_future(inside(ref, lambda actor: actor.defer(asyncio.sleep(3600))))
                await asyncio.to_thread(ready.wait, 10)
                call.cancel()
                await asyncio.wait({call})

            asyncio.run(body())

        gone = elsewhere(give_up)
        await until(lambda: kernel.tasks, passes=1_000_000)
        ready.set()
        await gone
        await until(lambda: not kernel.tasks, passes=1_000_000)
        cell = ref.resolve()
        assert cell is not None
        assert (cell.pending, ref.is_alive()) == ({}, True)

    run(main())


def test_a_blocking_caller_that_gives_up_gets_pykkas_timeout_and_the_callee_works_on() -> None:
    async def main() -> None:
        kernel, gate, log = Kernel(), asyncio.Event(), new_log()
        ref = await kernel.spawn(Gate, log)
        with pytest.raises(pykka.Timeout):
            await elsewhere(lambda: ref.ask(gate, timeout=0.01))
        gate.set()
        assert await ref.call("still here") == "still here"
        assert log == ["passed"]

    run(main())


def test_a_queued_call_whose_caller_was_cancelled_is_never_handled_and_one_that_timed_out_is() -> None:
    async def main() -> None:
        clock, gate, seen = ManualClock(), asyncio.Event(), new_log()
        kernel = Kernel(clock=clock)

        class Noting(Gate):
            async def on_receive(self, message: Any) -> Any:
                seen.append(message)
                return await super().on_receive(message)

        ref = await kernel.spawn(Noting)
        ref.tell(gate)
        await settle()
        cancelled = asyncio.ensure_future(ref.call("cancelled"))
        timed_out = asyncio.ensure_future(ref.call("timed out", timeout_s=1.0))
        await settle()
        cancelled.cancel()
        clock.advance(1.0)
        await asyncio.wait({cancelled, timed_out})
        gate.set()
        await settle()
        assert seen[1:] == ["timed out"]  # as in OTP: the message had been sent

    run(main())


def test_calls_with_the_same_and_with_other_timeouts_expire_exactly_when_due() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Gate)
        ref.tell(asyncio.Event())
        long_one = asyncio.ensure_future(ref.call("a", timeout_s=5.0))
        short_one = asyncio.ensure_future(ref.call("b", timeout_s=2.0))
        await settle()
        clock.advance(1.0)
        later = asyncio.ensure_future(ref.call("c", timeout_s=2.0))
        await settle()
        expired: list[list[bool]] = []
        for step in (0.5, 0.5, 0.5, 0.5, 1.5, 0.5):
            clock.advance(step)
            await settle()
            expired.append([call.done() for call in (short_one, later, long_one)])
        assert expired == [
            [False, False, False],
            [True, False, False],
            [True, False, False],
            [True, True, False],
            [True, True, False],
            [True, True, True],
        ]
        await asyncio.wait({short_one, later, long_one})
        for call in (short_one, later, long_one):
            assert isinstance(call.exception(), CallTimeout)

    run(main())


# ---- replies -----------------------------------------------------------------------------------------------


def test_a_kept_reply_may_be_set_and_failed_from_another_thread() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        kept: list[Reply] = []
        first, second = (asyncio.ensure_future(inside(ref, lambda a: kept.append(a.later()))) for _ in range(2))
        await until(lambda: len(kept) == 2)
        await elsewhere(lambda: kept[0].set("from a thread"))
        await elsewhere(lambda: kept[1].fail(Refusal("no")))
        assert await first == "from a thread"
        with pytest.raises(Refusal):
            await second
        kept[0].set("twice")
        cell = ref.resolve()
        assert cell is not None
        assert (cell.pending, ref.is_alive()) == ({}, True)

    run(main())


def test_a_kept_reply_to_a_told_message_knows_that_nobody_waits() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        kept: list[Reply] = []
        post(ref, lambda a: kept.append(a.later()))
        await settle()
        assert not kept[0].awaited
        kept[0].set("nobody hears it")
        kept[0].fail(Refusal("nor this"))

    run(main())


def test_a_kept_reply_whose_caller_gave_up_is_forgotten() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        kept: list[Reply] = []
        call = asyncio.ensure_future(inside(ref, lambda a: kept.append(a.later())))
        await settle()
        call.cancel()
        await settle()
        cell = ref.resolve()
        assert cell is not None
        assert cell.pending == {}
        kept[0].set("late")

    run(main())


def test_a_reply_never_reaches_another_call() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Echo)
        kept: list[Reply] = []

        def keep(actor: Actor) -> None:
            kept.append(actor.later())

        late = asyncio.ensure_future(ref.call(keep, timeout_s=1.0))
        await settle()
        clock.advance(1.0)
        with pytest.raises(CallTimeout):
            await late
        following = asyncio.ensure_future(inside(ref, lambda a: kept.append(a.later())))
        await settle()
        kept[0].set("for the one that left")
        await settle()
        assert not following.done()
        kept[1].set("for this one")
        assert await following == "for this one"

    run(main())


# ---- blocking worlds ---------------------------------------------------------------------------------------


class Asker(BlockingActor):
    def on_receive(self, message: Any) -> Any:
        target, question = message
        return target.ask(question, timeout=10)


def test_blocking_actors_that_ask_themselves_or_each_other_fail_at_once_and_name_the_cycle() -> None:
    async def main() -> None:
        kernel = Kernel()
        alone = await kernel.spawn(Asker, name="alone")
        with pytest.raises(DeadlockError) as caught:
            await alone.call((alone, "x"))
        assert caught.value.cycle == ("alone", "alone")
        a, b = await kernel.spawn(Asker, name="a"), await kernel.spawn(Asker, name="b")
        with pytest.raises(DeadlockError) as caught:
            await a.call((b, (a, "x")))
        assert caught.value.cycle == ("b", "a", "b")
        await kernel.shutdown()

    run(main())


def test_a_blocking_actor_may_ask_others_time_and_again() -> None:
    async def main() -> None:
        kernel = Kernel()
        asker, echo = await kernel.spawn(Asker), await kernel.spawn(Echo)
        for n in range(20):
            assert await asker.call((echo, n)) == n
        await kernel.shutdown()

    run(main())


def test_a_thousand_blocking_threads_all_hear_of_the_crash_of_their_callee() -> None:
    async def main() -> None:
        kernel, gate = Kernel(), asyncio.Event()
        ref = await kernel.spawn(Gate)
        ref.tell(gate)
        heard = new_log()

        def wait() -> None:
            try:
                ref.ask("question", timeout=20)
            except ActorDeadError as error:
                heard.append(error.reason)

        threads = [threading.Thread(target=wait) for _ in range(1_000)]
        for thread in threads:
            thread.start()
        cell = ref.resolve()
        assert cell is not None
        await until(lambda: cell.mailbox_length() == 1_000, passes=10_000_000)
        ref.kill()
        await until(lambda: len(heard) == 1_000, passes=10_000_000)
        assert set(heard) == {Killed()}
        for thread in threads:
            await asyncio.to_thread(thread.join, 10)

    run(main(), timeout_s=60)


def test_refs_of_a_closed_loop_fail_at_once_from_other_threads() -> None:
    async def main() -> ActorRef[Any]:
        return await Kernel().spawn(Echo)

    ref = run(main())
    failures = new_log()

    def use() -> None:
        for send in (lambda: ref.tell(1), lambda: ref.ask(1, timeout=10), ref.kill):
            try:
                send()
            except KernelClosedError:
                failures.append("closed")

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(10)
    assert failures == ["closed"] * 3


def test_a_crash_error_reaches_callers_everywhere_as_the_same_object() -> None:
    async def main() -> None:
        kernel = Kernel()
        boom = Boom("once")

        async def ask(ref: ActorRef[Any], way: str) -> Any:
            if way == "call":
                return await ref.call(boom)
            if way == "ask":
                return await elsewhere(lambda: ref.ask(boom, timeout=10))
            return await elsewhere(lambda: on_a_foreign_loop(ref, boom, 10.0))

        for way in ("call", "ask", "foreign call"):
            ref = await kernel.spawn(Echo)
            with pytest.raises(Boom) as caught:
                await ask(ref, way)
            assert caught.value is boom
            assert ref.exit_reason == Crashed(boom)

    run(main())


def test_unknown_names_are_refused_at_once_in_every_way_of_sending() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        nobody = kernel.ref("nobody")
        with pytest.raises(ActorDeadError):
            nobody.tell(1)
        with pytest.raises(ActorDeadError):
            await nobody.call(1)
        with pytest.raises(ActorDeadError):
            await elsewhere(lambda: nobody.ask(1, timeout=10))
        assert await nobody.stop() is False
        nobody.kill()
        assert not nobody.is_alive()
        with pytest.raises(NameTakenError):
            await kernel.spawn(Echo, name="x")
            await kernel.spawn(Actor, name="x")

    run(main())
