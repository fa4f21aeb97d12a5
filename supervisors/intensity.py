"""Restart intensity: how many restarts within how many seconds a supervisor puts up with. Pure."""

from __future__ import annotations

from collections import deque


class RestartWindow:
    """Counts restarts in a sliding window, as OTP does: one more than `max_restarts` within `max_seconds` is too
    many.

    A restart leaves the window exactly when it is `max_seconds` old.
    """

    __slots__ = ("_times", "max_restarts", "max_seconds")

    def __init__(self, max_restarts: int = 3, max_seconds: float = 5.0) -> None:
        self.max_restarts = max_restarts
        self.max_seconds = max_seconds
        self._times: deque[float] | None = None  # most supervisors never restart anything

    def admit(self, now_s: float) -> bool:
        """Records a restart at `now_s`; False when it is one too many."""
        times = self._times
        if times is None:
            times = self._times = deque()
        while times and now_s - times[0] >= self.max_seconds:
            times.popleft()
        times.append(now_s)
        return len(times) <= self.max_restarts
