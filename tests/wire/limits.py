"""A vendor's rate limit: a bucket of requests that is refilled steadily, told in headers, enforced with 429s."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime

from tests.wire.behaviour import Failed


class VendorBucket:
    """At most `capacity` requests at once and `per_second` after that. `refused` counts those that were too many."""

    def __init__(self, capacity: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self.per_second = per_second
        self.refused = 0
        self.taken: list[float] = []
        self._clock = clock
        self._level = float(capacity)
        self._at = clock()

    def take(self) -> Failed | None:
        """Counts a request; the refusal of one too many."""
        self._refill()
        if self._level >= 1:
            self._level -= 1
            self.taken.append(self._at)
            return None
        self.refused += 1
        wait_s = max(1, math.ceil((1 - self._level) / self.per_second))
        retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait_s}s"}
        return Failed(429, message="too many requests", headers={"retry-after": str(wait_s)}, details=(retry,))

    def headers(self) -> dict[str, str]:
        """As Anthropic tells it; Google tells nothing."""
        self._refill()
        full = datetime.fromtimestamp(time.time() + (self.capacity - self._level) / self.per_second, UTC)
        return {
            "anthropic-ratelimit-requests-limit": str(self.capacity),
            "anthropic-ratelimit-requests-remaining": str(int(self._level)),
            "anthropic-ratelimit-requests-reset": full.isoformat().replace("+00:00", "Z"),
        }

    def _refill(self) -> None:
        now = self._clock()
        self._level = min(self.capacity, self._level + (now - self._at) * self.per_second)
        self._at = now
