"""Mailboxes at their bound, timers at their edges, idle waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel import Actor, ActorRef, Kernel, Killed, MailboxFull, ManualClock, Shutdown
from tests.actors_for_tests import Echo, Gate, inside, new_log, note, post, settle
from tests.support import run


class Lossy(Echo):
    mailbox_limit = 2
    mailbox_policy = "drop_oldest"


def test_a_dropped_call_fails_its_caller_and_stop_requests_and_timers_are_never_dropped() -> None:
    async def main() -> None:
        clock, seen = ManualClock(), new_log()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Lossy)
        await inside(ref, lambda actor: actor.tell_after(1.0, note(seen, "timer")) and None)
        call = asyncio.ensure_future(ref.call("oldest"))
        await asyncio.sleep(0)  # it is queued, and the actor has not had its turn
        clock.advance(1.0)
        stopped = ref.stop()
        for name in "abcd":
            post(ref, note(seen, name))
        with pytest.raises(MailboxFull):
            await call
        assert await stopped is True
        assert seen == ["timer"]

    run(main())


def test_when_a_queue_holds_nothing_that_may_be_dropped_the_message_still_gets_in() -> None:
    async def main() -> None:
        clock, seen = ManualClock(), new_log()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Lossy)

        def arm(actor: Any) -> None:
            for n in range(3):
                actor.tell_after(1.0, note(seen, f"timer {n}"))

        await inside(ref, arm)
        clock.advance(1.0)
        post(ref, note(seen, "told"))
        await settle()
        assert seen == ["timer 0", "timer 1", "timer 2", "told"]

    run(main())


def test_a_full_rejecting_mailbox_still_takes_timers_and_stop() -> None:
    class Small(Gate):
        mailbox_limit = 1

    async def main() -> None:
        clock, gate = ManualClock(), asyncio.Event()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Small)
        ref.tell(gate)
        await settle()
        ref.tell("full")
        with pytest.raises(MailboxFull):
            ref.tell("one too many")
        stopped = ref.stop()
        gate.set()
        assert await stopped is True

    run(main())


def test_messages_queued_behind_a_stop_are_not_handled_and_their_callers_hear_of_it() -> None:
    async def main() -> None:
        kernel, seen = Kernel(), new_log()
        ref = await kernel.spawn(Echo)
        ref.stop()
        post(ref, note(seen, "too late"))
        with pytest.raises(Exception, match="is not there: normal"):
            await ref.call("too late")
        assert seen == []

    run(main())


def test_one_busy_actor_does_not_keep_others_from_their_turn() -> None:
    async def main() -> None:
        kernel, seen = Kernel(), new_log()
        greedy, modest = await kernel.spawn(Echo), await kernel.spawn(Echo)
        for _ in range(1_000):
            post(greedy, note(seen, "greedy"))
        post(modest, note(seen, "modest"))
        await settle(200)
        assert len(seen) == 1_001
        assert seen.index("modest") < 200

    run(main())


def test_a_timer_of_no_delay_is_due_at_once_without_the_clock_moving() -> None:
    async def main() -> None:
        kernel, seen = Kernel(clock=ManualClock()), new_log()
        ref = await kernel.spawn(Echo)
        await inside(ref, lambda actor: actor.tell_after(0.0, note(seen, "now")) and None)
        await settle()
        assert seen == ["now"]

    run(main())


def test_a_repeating_timer_never_has_two_messages_waiting_and_can_be_cancelled_by_its_own_message() -> None:
    async def main() -> None:
        clock, seen = ManualClock(), new_log()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Echo)
        timers: list[Any] = []

        def tick(_actor: Any) -> None:
            seen.append("tick")
            if len(seen) == 2:
                timers[0].cancel()
                timers[0].cancel()

        await inside(ref, lambda actor: timers.append(actor.tell_every(1.0, tick)))
        clock.advance(10.0)  # ten are due, one waits
        await settle()
        assert seen == ["tick"]
        clock.advance(10.0)
        await settle()
        clock.advance(10.0)
        await settle()
        assert seen == ["tick", "tick"]

    run(main())


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_no_timer_of_an_actor_fires_after_its_end_began(end: str) -> None:
    class Lingering(Echo):
        async def on_stop(self) -> None:  # type: ignore[override]
            await self.gate.wait()

        gate = asyncio.Event()

    async def main() -> None:
        clock, seen = ManualClock(), new_log()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Lingering)
        await inside(ref, lambda actor: actor.tell_every(1.0, note(seen, "tick")) and None)
        ref.kill() if end == "kill" else ref.exit(Shutdown())
        clock.advance(3.0)
        await settle()
        assert seen == []
        ref.kill()
        assert await ref.wait_exit() == Killed()

    run(main())


async def idle_actor(kernel: Kernel, log: list[Any], idle_s: float = 10.0) -> ActorRef[Any]:
    ref = await kernel.spawn(Echo)
    await inside(ref, lambda actor: actor.idle_after(idle_s, note(log, "idle")))
    return ref


def test_after_an_idle_message_the_wait_begins_again_with_the_next_other_message() -> None:
    async def main() -> None:
        clock, log = ManualClock(), new_log()
        kernel = Kernel(clock=clock)
        ref = await idle_actor(kernel, log)
        clock.advance(10.0)
        await settle()
        clock.advance(100.0)
        await settle()
        assert log == ["idle"]
        await ref.call("work")
        clock.advance(9.0)
        await settle()
        assert log == ["idle"]
        clock.advance(1.0)
        await settle()
        assert log == ["idle", "idle"]

    run(main())


def test_an_idle_wait_begins_when_a_long_handler_is_through_and_not_when_it_was_called() -> None:
    class Long(Echo):
        async def on_receive(self, message: Any) -> Any:
            if isinstance(message, asyncio.Event):
                await message.wait()
                return None
            return super().on_receive(message)

    async def main() -> None:
        clock, log, gate = ManualClock(), new_log(), asyncio.Event()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Long)
        await inside(ref, lambda actor: actor.idle_after(10.0, note(log, "idle")))
        ref.tell(gate)
        await settle()
        clock.advance(25.0)
        gate.set()
        await settle()
        clock.advance(9.5)
        await settle()
        assert log == []
        clock.advance(0.5)
        await settle()
        assert log == ["idle"]

    run(main())


def test_an_idle_wait_can_be_replaced_and_ended() -> None:
    async def main() -> None:
        clock, log = ManualClock(), new_log()
        kernel = Kernel(clock=clock)
        ref = await idle_actor(kernel, log)
        await inside(ref, lambda actor: actor.idle_after(3.0, note(log, "sooner")))
        clock.advance(3.0)
        await settle()
        assert log == ["sooner"]
        await inside(ref, lambda actor: actor.idle_after(0, "none"))
        clock.advance(100.0)
        await settle()
        assert log == ["sooner"]

    run(main())


def test_an_unknown_message_is_no_crash_for_an_actor_that_leaves_it_to_its_base(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Actor)
        ref.tell({"what": "is this"})
        assert await ref.call("or this") is None
        assert ref.is_alive()

    run(main())
    assert "Unexpected message" in caplog.text
