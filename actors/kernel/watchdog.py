"""The loop-lag watchdog: a thread that notices when the event loop does not answer, and says who holds it.

Reports `LoopBlocked(lag_s, where)` on the kernel's event bus once the loop runs again, at most one per blocking,
and keeps the last measured lag for the metrics.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from actors.kernel.actor import Actor
from actors.kernel.cores import roam
from actors.kernel.events import LoopBlocked

if TYPE_CHECKING:
    from actors.kernel.kernel import Kernel


class LoopWatchdog(Actor):
    """Owns the watching thread: it starts with this actor and ends with it.

    `interval_s` is how often the loop is asked, `threshold_s` how late an answer may be before it is reported.
    """

    def __init__(self, interval_s: float = 0.25, threshold_s: float = 0.5) -> None:
        super().__init__()
        self._interval_s = interval_s
        self._threshold_s = threshold_s
        self._ending = threading.Event()
        self.last_lag_s = 0.0

    def on_start(self) -> None:
        self._thread = threading.Thread(target=self._watch, args=(self.kernel,), name="loop-watchdog", daemon=True)
        self._thread.start()

    def release(self) -> None:
        self._ending.set()

    def on_receive(self, message: Any) -> float:
        """Any call answers the last measured lag in seconds."""
        return self.last_lag_s

    def _watch(self, kernel: Kernel) -> None:
        roam()
        while not self._ending.wait(self._interval_s) and not kernel.loop.is_closed():
            answered = threading.Event()
            asked = time.monotonic()
            try:
                kernel.loop.call_soon_threadsafe(answered.set)
            except RuntimeError:
                return
            where = ""
            if not answered.wait(self._threshold_s):
                where = describe(kernel)
                while not answered.wait(self._interval_s):
                    if self._ending.is_set() or kernel.loop.is_closed():
                        return
            self.last_lag_s = time.monotonic() - asked
            if where:
                self._report(kernel, where)

    def _report(self, kernel: Kernel, where: str) -> None:
        try:
            kernel.loop.call_soon_threadsafe(kernel.events.publish, LoopBlocked(self.last_lag_s, where))
        except RuntimeError:
            return  # the loop closed meanwhile; nobody is left to tell


def describe(kernel: Kernel) -> str:
    """Names the actor whose handler runs now and the innermost line of the loop's thread."""
    frame = sys._current_frames().get(kernel.thread_id)  # pyright: ignore[reportPrivateUsage] - CPython's only way
    line = "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
    return f"{kernel.current or 'no actor'} at {line}"
