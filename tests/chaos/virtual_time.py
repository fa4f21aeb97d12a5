"""An event loop whose time jumps to the next timer instead of waiting for it: a round repeats exactly, and fast.

What would run on threads runs in its place on the loop: work for the thread pool, and what blocking actors do.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast
from unittest.mock import patch

from actors.kernel import LoopClock

_STUCK_S = 10.0
#: The wall clock's time when the loop's is 0: noon of a day, so that no round passes a midnight.
_NOON_S = 1_800_014_400.0


class _Jumping(selectors.DefaultSelector):
    """Looks at the sockets without waiting; the wait it was asked for is added to the loop's time."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            ready = super().select(_STUCK_S)
            if not ready:
                raise RuntimeError(f"nothing is due, and nothing has come for {_STUCK_S:g} s")
            return ready
        self.loop.jump(timeout)
        return []


class VirtualClock(LoopClock):
    """The loop's time, for the wall clock too."""

    def wall(self) -> float:
        return _NOON_S + self.now()


class _InPlace:
    """Stands for the thread of one blocking actor."""

    @classmethod
    def start(cls) -> _InPlace:
        return cls()

    def tell(self, code: Callable[[], None]) -> None:
        code()

    def stop(self, block: bool = True) -> None:
        """There is nothing to end."""


@contextmanager
def without_threads() -> Generator[None]:
    """Blocking actors that start within the block do their work on the loop."""
    with patch("actors.kernel.own_thread._Hands", _InPlace):
        yield


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Not for code with threads of its own: what would go to the thread pool runs in place."""

    def __init__(self) -> None:
        self._virtual_s = 0.0
        selector = _Jumping()
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        return self._virtual_s

    def jump(self, seconds: float) -> None:
        """Time passes."""
        self._virtual_s += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future: asyncio.Future[Any] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return cast("Any", future)
