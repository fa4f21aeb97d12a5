"""Progressive allocation: the share of a run's limit that a pipeline is trusted with, by how its runs have ended.

    share(0)     = start
    share(n + 1) = min(1, share(n) * grow)        after a run that succeeded
    share(n + 1) = max(least, share(n) * shrink)  after one that failed

The share stays between `least` and 1 whatever happens. With `start: 1` and `shrink: 1` it is always the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Allocation:
    """0 < least <= start <= 1, grow >= 1, 0 < shrink <= 1. Raises `ValueError` for anything else."""

    start: Decimal = Decimal("0.5")
    grow: Decimal = Decimal("1.25")
    shrink: Decimal = Decimal("0.5")
    least: Decimal = Decimal("0.1")

    def __post_init__(self) -> None:
        if not (0 < self.least <= self.start <= 1 <= self.grow and 0 < self.shrink <= 1):
            raise ValueError("expected 0 < least <= start <= 1, grow of at least 1 and 0 < shrink <= 1")

    def after(self, share: Decimal, *, succeeded: bool) -> Decimal:
        """The share after one more run, to four places, so that what is kept of it stays short."""
        scaled = share * (self.grow if succeeded else self.shrink)
        bounded = min(Decimal(1), scaled) if succeeded else max(self.least, scaled)
        return max(self.least, min(Decimal(1), bounded)).quantize(Decimal("0.0001")).normalize()
