"""The exit signals of links that are on their way. They are worked off from one queue, so a chain of ten thousand links
needs no recursion."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.kernel import links
from actors.kernel.exits import ExitReason

if TYPE_CHECKING:
    from actors.kernel.cell import Cell


class ExitQueue:
    """`settled` is called whenever no signal is on its way any more."""

    __slots__ = ("_settled", "_waiting", "_working_off")

    def __init__(self, settled: Callable[[], object]) -> None:
        self._settled = settled
        self._waiting: deque[tuple[Cell, Cell, ExitReason]] = deque()
        self._working_off = False

    def add(self, receiver: Cell, sender: Cell, reason: ExitReason) -> None:
        """One more, from `sender`, which has ended."""
        self._waiting.append((receiver, sender, reason))

    def work_off(self) -> None:
        """Delivers them one after another; exits that these cause join the same queue."""
        if self._working_off:
            return
        self._working_off = True
        try:
            while self._waiting:
                links.signal_exit(*self._waiting.popleft())
        finally:
            self._working_off = False
        self._settled()
