"""How long somebody who is turned away should stay away: from how many are before them and how fast it goes. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

UNKNOWN_S: Final = 1.0
LONGEST_S: Final = 300.0


class Throughput:
    """How many per second have ended lately, by the latest `size` endings. `now` is in seconds, monotonic."""

    def __init__(self, size: int = 64) -> None:
        self._ended: deque[float] = deque(maxlen=size)

    def ended(self, now: float) -> None:
        """One has ended."""
        self._ended.append(now)

    def per_second(self, now: float) -> float | None:
        """The rate; None before two have ended. A standstill counts: the longer it lasts, the lower the rate."""
        if len(self._ended) < 2:
            return None
        return (len(self._ended) - 1) / max(now - self._ended[0], 1e-3)

    def wait_s(self, before: int, now: float) -> float:
        """Seconds until `before` others and one more have had their place; from `UNKNOWN_S` to `LONGEST_S`."""
        rate = self.per_second(now)
        return UNKNOWN_S if rate is None else min(max((before + 1) / rate, UNKNOWN_S), LONGEST_S)


class TurnedAway:
    """How many were turned away within the latest `seconds` and are likely to come again: the queue that waits
    outside."""

    def __init__(self, seconds: float = 10.0) -> None:
        self._seconds = seconds
        self._at: deque[float] = deque(maxlen=10_000)

    def add(self, now: float) -> int:
        """One more; how many others were before it."""
        while self._at and self._at[0] < now - self._seconds:
            self._at.popleft()
        self._at.append(now)
        return len(self._at) - 1
