"""An event loop whose time jumps to the next timer instead of waiting for it: a round repeats exactly, and fast."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, cast

_STUCK_S = 10.0


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
