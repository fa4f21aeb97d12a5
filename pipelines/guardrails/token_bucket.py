"""Token buckets: how much of something may be used in a time, as pure arithmetic over moments.

A bucket holds at most `capacity` and is refilled at `per_second`; what is taken must be in it. So within any `t`
seconds never more than `capacity + per_second * t` is taken. An amount larger than the bucket itself goes through when
the bucket is full and leaves a debt, which is the textbook's way not to block it for ever.
"""

from __future__ import annotations

import math
from typing import Final

BURST_SHARE: Final = 0.2
"""How much of a minute's limit may be used at once."""
_MINUTE_S: Final = 60.0
# A delay that has been waited for must be enough, whatever the rounding of seconds did.
_ROUNDING: Final = 1e-9


class TokenBucket:
    """One bucket, full at first. `now` is in seconds of a monotonic clock; one before the last counts as the last."""

    __slots__ = ("_at", "_level", "capacity", "per_second")

    def __init__(self, capacity: float, per_second: float, now: float, level: float | None = None) -> None:
        if not (capacity > 0 and per_second >= 0 and math.isfinite(capacity) and math.isfinite(per_second)):
            raise ValueError(f"a bucket needs a capacity above 0 and a rate from 0, not {capacity} and {per_second}")
        self.capacity = capacity
        self.per_second = per_second
        self._level = capacity if level is None else min(level, capacity)
        self._at = now

    def level(self, now: float) -> float:
        """What is in it; below 0 while a debt is paid off."""
        if now > self._at:
            self._level = min(self.capacity, self._level + (now - self._at) * self.per_second)
            self._at = now
        return self._level

    def delay(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be taken if nobody else takes any: 0 is now, infinite is never."""
        missing = min(amount, self.capacity) - self.level(now)
        if missing <= self.capacity * _ROUNDING:
            return 0.0
        return missing / self.per_second if self.per_second else math.inf

    def take(self, amount: float, now: float) -> None:
        """Takes it, also what is not there: ask `delay` first."""
        self._level = self.level(now) - amount

    def give_back(self, amount: float, now: float) -> None:
        """Puts back what was taken and not used; it cannot be fuller than full."""
        self._level = min(self.capacity, self.level(now) + amount)

    def lower(self, level: float, now: float) -> None:
        """There is no more in it than this, says somebody who knows better."""
        self._level = min(self.level(now), level)


def per_minute(limit: int, now: float) -> TokenBucket:
    """A bucket for whole calls that lets at most `limit` through in any 60 s, a fifth of them at once.

    The refill is what the burst leaves over: a bucket of `limit` refilled at `limit` a minute would let twice as many
    through in its first minute.
    """
    burst = max(1, int(limit * BURST_SHARE))
    # With the burst at the beginning of a half-open minute, limit - burst calls follow before its end.
    return TokenBucket(burst, (limit - burst + 1) / _MINUTE_S, now)


def amount_per_minute(limit: int, now: float) -> TokenBucket:
    """A bucket for amounts (tokens): at most `limit` in any 60 s, as long as no amount is above a fifth of it."""
    burst = limit * BURST_SHARE
    return TokenBucket(burst, (limit - burst) / _MINUTE_S, now)
