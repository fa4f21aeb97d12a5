"""Which parts of a request give how much when it is too large."""

from __future__ import annotations

from collections.abc import Sequence


def allot(sizes: Sequence[int], floors: Sequence[int], priorities: Sequence[int], room: int) -> tuple[int, ...] | None:
    """How many tokens each part gets of `room`; None when not even the floors fit.

    Every part gets its floor (no more than its size), then the highest priority what it lacks, then the next one. Parts
    of one priority share what is left for them equally, and what a small one does not need goes to the others. So no
    part is made smaller while one of a lower priority has more than its floor, and nothing is lost when all fits.
    """
    granted = [min(size, floor) for size, floor in zip(sizes, floors, strict=True)]
    left = room - sum(granted)
    if left < 0:
        return None
    for priority in sorted(set(priorities), reverse=True):
        level = [index for index, each in enumerate(priorities) if each == priority]
        left -= _share(sizes, granted, level, left)
    return tuple(granted)


def _share(sizes: Sequence[int], granted: list[int], level: Sequence[int], room: int) -> int:
    """Grants `room` to the parts of one level, those that lack least first; gives what was granted."""
    given = 0
    lacking = sorted(level, key=lambda index: sizes[index] - granted[index])
    for position, index in enumerate(lacking):
        share = min(sizes[index] - granted[index], (room - given) // (len(lacking) - position))
        granted[index] += share
        given += share
    return given
