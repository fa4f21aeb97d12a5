"""How many vendor calls searches may make: taken before an alternative begins, at the most it could make. Pure."""

from __future__ import annotations

from collections import OrderedDict

_RUNS_KEPT = 10_000


class CallBudget:
    """`calls` for each run. Of more than 10,000 runs the ones that took nothing for the longest time begin anew."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._taken: OrderedDict[str, int] = OrderedDict()

    def left(self, run_id: str) -> int:
        """What may still be taken."""
        return self._calls - self._taken.get(run_id, 0)

    def take(self, run_id: str, calls: int) -> None:
        """Takes `calls`; the caller has seen that they are left."""
        self._taken[run_id] = self._taken.get(run_id, 0) + calls
        self._taken.move_to_end(run_id)
        if len(self._taken) > _RUNS_KEPT:
            self._taken.popitem(last=False)
