"""What was spent within the last seconds, for the cost breaker. Bounded: parts of the time are dropped whole."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

PARTS: Final = 20


class SpendWindow:
    """Dollars of the latest `seconds`, to a twentieth of that. `now` is in seconds and never goes backwards."""

    def __init__(self, seconds: float) -> None:
        self._part_s = seconds / PARTS
        self._parts: deque[tuple[int, Decimal]] = deque()
        self._sum = Decimal(0)

    def add(self, now: float, usd: Decimal) -> Decimal:
        """Counts what was spent just now; the sum with it."""
        self.total(now)
        number = int(now // self._part_s)
        if self._parts and self._parts[-1][0] >= number:
            last, known = self._parts.pop()
            self._parts.append((last, known + usd))
        else:
            self._parts.append((number, usd))
        self._sum += usd
        return self._sum

    def total(self, now: float) -> Decimal:
        """What was spent within the window."""
        oldest = int(now // self._part_s) - PARTS + 1
        while self._parts and self._parts[0][0] < oldest:
            self._sum -= self._parts.popleft()[1]
        return self._sum
