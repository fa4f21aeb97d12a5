"""Calls with one timeout share one timer: each still expires at its own moment, and an answered one never."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel import Actor, ActorRef, CallTimedOut, CallTimeout, Kernel, ManualClock
from tests.support import run


class Deaf(Actor):
    """Answers "answer me" and nothing else."""

    def on_receive(self, message: Any) -> Any:
        return message if message == "answer me" else self.defer(asyncio.Event().wait())


async def passes() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def calling(ref: ActorRef[Any], message: str, timeout_s: float) -> asyncio.Task[Any]:
    return asyncio.ensure_future(ref.call(message, timeout_s=timeout_s))


def test_calls_made_one_after_another_expire_one_after_another() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock)
        expired: list[float] = []
        kernel.events.subscribe(lambda e: expired.append(clock.now()) if isinstance(e, CallTimedOut) else None)
        deaf = await kernel.spawn(Deaf)
        first = calling(deaf, "a", 5.0)
        await passes()
        clock.advance(2.0)
        second = calling(deaf, "b", 5.0)
        short = calling(deaf, "c", 1.0)
        await passes()
        clock.advance(10.0)
        await passes()
        assert expired == [3.0, 5.0, 7.0]
        for call in (first, second, short):
            with pytest.raises(CallTimeout):
                await call
        await kernel.shutdown()

    run(main())


def test_an_answered_call_does_not_expire_and_the_next_one_has_its_whole_time() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock)
        expired: list[float] = []
        kernel.events.subscribe(lambda e: expired.append(clock.now()) if isinstance(e, CallTimedOut) else None)
        deaf = await kernel.spawn(Deaf)
        assert await deaf.call("answer me", timeout_s=5.0) == "answer me"
        clock.advance(4.0)
        waiting = calling(deaf, "a", 5.0)
        await passes()
        clock.advance(4.9)
        await passes()
        assert not waiting.done() and expired == []
        clock.advance(0.2)
        with pytest.raises(CallTimeout):
            await waiting
        assert expired == [9.0]
        await kernel.shutdown()

    run(main())


def test_many_different_timeouts_leave_nothing_behind() -> None:
    async def main() -> None:
        kernel = Kernel(ManualClock())
        deaf = await kernel.spawn(Deaf)
        for number in range(500):
            await deaf.call("answer me", timeout_s=100.0 + number)
        assert kernel.deadlines.queues <= 65
        await kernel.shutdown()

    run(main())
