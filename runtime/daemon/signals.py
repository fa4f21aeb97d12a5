"""Signals as requests on the loop. Handlers are Python's own, not the loop's, so that a second SIGTERM ends the
process even when the loop no longer turns."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

from runtime.shutdown import ShutdownRequest

LAST_RESORT_S = 3.0


@contextmanager
def handled_signals(
    loop: asyncio.AbstractEventLoop,
    shutdown: ShutdownRequest,
    *,
    on_reload: Callable[[], None],
    on_kill_switch: Callable[[], None],
) -> Generator[None]:
    """TERM and INT drain, a second one ends at once; HUP reloads; USR1 triggers the node kill switch.

    Call on the main thread; the callables run on the loop. The former handlers are put back at the end.
    """
    ends = 0

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal ends
        ends += 1
        if ends >= 2:
            arm_last_resort(LAST_RESORT_S)
        loop.call_soon_threadsafe(shutdown.request)

    def hand_over(action: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
        def handler(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(action)

        return handler

    handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
        signal.SIGTERM: end,
        signal.SIGINT: end,
        signal.SIGHUP: hand_over(on_reload),
        signal.SIGUSR1: hand_over(on_kill_switch),
    }
    former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def arm_last_resort(after_s: float) -> None:
    """Ends the process with code 1 after `after_s`, whatever else goes on. What is recorded is on disk already."""
    timer = threading.Timer(after_s, os._exit, args=(1,))
    timer.daemon = True
    timer.start()
