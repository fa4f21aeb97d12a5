"""Restart backoff: an addition to OTP, off unless asked for. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits `base_s * 2**(n-1)` before the n-th restart in a row, at most `max_s`, with `jitter` as a share of
    it.
    """

    base_s: float = 0.1
    max_s: float = 10.0
    jitter: float = 0.2

    def delay_s(self, attempt: int, rng: random.Random) -> float:
        """The wait before restart number `attempt` (from 1)."""
        plain = min(self.max_s, self.base_s * 2.0 ** min(attempt - 1, 32))
        return max(0.0, plain * (1.0 + self.jitter * (2.0 * rng.random() - 1.0)))
