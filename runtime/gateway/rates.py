"""Token buckets by name: how often each peer may ask. Bounded in memory; loop thread only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

MOST_NAMES = 10_000


class Rates:
    """Each name has `burst` tokens at first and gets `per_s` new ones a second. `now` gives monotonic seconds."""

    def __init__(self, per_s: float, burst: float, now: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = max(burst, 1.0)
        self._now = now
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, name: str) -> float:
        """0 while there is a token, else the seconds until there will be one. Takes nothing."""
        return max(0.0, (1.0 - self._level(name)) / self._per_s)

    def take(self, name: str) -> float:
        """Takes a token and gives 0, or takes none and gives the seconds until there will be one."""
        level = self._level(name)
        if level < 1.0:
            return (1.0 - level) / self._per_s
        self._levels[name] = (level - 1.0, self._now())
        self._levels.move_to_end(name)
        if len(self._levels) > MOST_NAMES:
            self._levels.popitem(last=False)  # silent the longest: most likely full again
        return 0.0

    def _level(self, name: str) -> float:
        level, at = self._levels.get(name, (self._burst, 0.0))
        return min(self._burst, level + max(0.0, self._now() - at) * self._per_s)
