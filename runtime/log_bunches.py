"""What happens to thousands of runs in the same moment, in one line of the log: a kill switch pauses them all, a start
resumes them all. A line each would cost the loop a second in the very moment in which it has most to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SINGLY = 20
"""So many of a kind within `BUNCH_S` have a line of their own."""
BUNCH_S = 1.0


class Bunches:
    """`tell` writes the line of a bunch: the kind, how many, and the first of them by name. Loop thread only."""

    def __init__(self, tell: Callable[[str, int, list[str]], None]) -> None:
        self._tell = tell
        self._seen: dict[str, int] = {}
        self._first: dict[str, list[str]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def takes(self, kind: str, run_id: str) -> bool:
        """Whether it goes into a bunch, told within `BUNCH_S`; else it wants a line of its own."""
        seen = self._seen[kind] = self._seen.get(kind, 0) + 1
        if self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(BUNCH_S, self.close)
            except RuntimeError:  # no loop that could tell it later
                self._seen.clear()
                return False
        if seen <= SINGLY:
            return False
        first = self._first.setdefault(kind, [])
        if len(first) < SINGLY:
            first.append(run_id)
        return True

    def close(self) -> None:
        """Tells what has come together. What comes after that begins anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        seen, self._seen = self._seen, {}
        first, self._first = self._first, {}
        for kind, runs in first.items():
            self._tell(kind, seen[kind] - SINGLY, runs)
