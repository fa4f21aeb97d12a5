"""The last calls of a circuit breaker: the latest so many, or those of the latest so many seconds.

Both kinds are O(1) a call and bounded in memory. The time window keeps one sum for each of its parts and drops whole
parts, as resilience4j's does: an exact one would have to keep every call.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

PARTS = 20
"""Into how many parts a time window is cut: it forgets in steps of a twentieth of its length."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many calls, how many of them failed, how many were slow. A call may be both."""

    calls: int = 0
    failed: int = 0
    slow: int = 0

    @property
    def failure_rate(self) -> float:
        """From 0 to 1; 0 without calls."""
        return self.failed / self.calls if self.calls else 0.0

    @property
    def slow_rate(self) -> float:
        """From 0 to 1; 0 without calls."""
        return self.slow / self.calls if self.calls else 0.0


class Window(Protocol):
    """What a breaker looks back on. `now` never goes backwards (seconds of a monotonic clock)."""

    def add(self, now: float, *, failed: bool, slow: bool) -> None:
        """Counts one call that has ended."""
        ...

    def tally(self, now: float) -> Tally:
        """What it holds at this moment."""
        ...

    def clear(self) -> None:
        """Forgets all calls."""
        ...

    @property
    def is_clean(self) -> bool:
        """Whether it is certain that no call in it failed or was slow, without counting."""
        ...


class CountWindow:
    """The latest `size` calls, however old."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._calls: deque[tuple[bool, bool]] = deque()
        self._failed = 0
        self._slow = 0

    def add(self, now: float, *, failed: bool, slow: bool) -> None:
        if len(self._calls) == self._size:
            was_failed, was_slow = self._calls.popleft()
            self._failed -= was_failed
            self._slow -= was_slow
        self._calls.append((failed, slow))
        self._failed += failed
        self._slow += slow

    def tally(self, now: float) -> Tally:
        return Tally(len(self._calls), self._failed, self._slow)

    @property
    def is_clean(self) -> bool:
        return not self._failed and not self._slow

    def clear(self) -> None:
        self._calls.clear()
        self._failed = self._slow = 0


class TimeWindow:
    """The calls that ended within the latest `seconds`, to a twentieth of that."""

    def __init__(self, seconds: float) -> None:
        self._part_s = seconds / PARTS
        self._parts: deque[tuple[int, list[int]]] = deque()  # (number of the part, [calls, failed, slow])

    def add(self, now: float, *, failed: bool, slow: bool) -> None:
        self._forget(now)
        number = int(now // self._part_s)
        if not self._parts or self._parts[-1][0] < number:
            self._parts.append((number, [0, 0, 0]))
        sums = self._parts[-1][1]
        sums[0] += 1
        sums[1] += failed
        sums[2] += slow

    def tally(self, now: float) -> Tally:
        self._forget(now)
        calls = failed = slow = 0
        for _, sums in self._parts:
            calls += sums[0]
            failed += sums[1]
            slow += sums[2]
        return Tally(calls, failed, slow)

    @property
    def is_clean(self) -> bool:
        return not any(sums[1] or sums[2] for _, sums in self._parts)

    def clear(self) -> None:
        self._parts.clear()

    def _forget(self, now: float) -> None:
        oldest = int(now // self._part_s) - PARTS + 1
        while self._parts and self._parts[0][0] < oldest:
            self._parts.popleft()
