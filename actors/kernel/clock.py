"""Time as an argument: the loop's clock for a running node, a manual one for exact tests."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Cancellable(Protocol):
    """A scheduled callback that can be withdrawn."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """What the kernel needs of time. All of it is used from the loop's thread only."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> Cancellable:
        """Runs `callback(*args)` on the loop in `delay_s` seconds."""
        ...

    def sleep(self, delay_s: float) -> Coroutine[Any, Any, None]:
        """Returns after `delay_s` seconds of this clock, when awaited."""
        ...


class LoopClock:
    """The running event loop's own time."""

    wall = staticmethod(time.time)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Bound, not called through: it is asked several times a step. Other loops than asyncio's own may only tell when
        # their turn began, in whole milliseconds.
        self.now = loop.time if isinstance(loop, asyncio.BaseEventLoop) else time.monotonic

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> Cancellable:
        return self._loop.call_later(delay_s, callback, *args)

    def sleep(self, delay_s: float) -> Coroutine[Any, Any, None]:
        return asyncio.sleep(delay_s)


class _ManualHandle:
    __slots__ = ("args", "callback", "cancelled")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback = callback
        self.args = args
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """A clock that moves only when `advance` says so; callbacks run in due order, then in order of asking."""

    def __init__(self, start_s: float = 0.0, wall_s: float = 1_700_000_000.0) -> None:
        self._now = start_s
        self._wall_offset = wall_s - start_s
        self._order = itertools.count()
        self._due: list[tuple[float, int, _ManualHandle]] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + self._wall_offset

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> Cancellable:
        handle = _ManualHandle(callback, args)
        heapq.heappush(self._due, (self._now + max(0.0, delay_s), next(self._order), handle))
        return handle

    async def sleep(self, delay_s: float) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        handle = self.call_later(delay_s, _resolve, done)
        try:
            await done
        finally:
            handle.cancel()

    def advance(self, seconds: float) -> None:
        """Moves time on by `seconds`, running what falls due on the way at exactly its moment."""
        target = self._now + seconds
        while self._due and self._due[0][0] <= target:
            due, _, handle = heapq.heappop(self._due)
            self._now = max(self._now, due)
            if not handle.cancelled:
                handle.callback(*handle.args)
        self._now = target


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
