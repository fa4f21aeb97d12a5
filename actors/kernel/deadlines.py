"""Deadlines of calls. Nearly every call is answered long before its deadline, so a loop timer for each one would be
the larger part of what a call costs. Calls with the same timeout expire in the order in which they were made: they
share one queue and one timer, which waits for the oldest of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from actors.kernel.errors import CallTimeout
from actors.kernel.events import CallTimedOut

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.clock import Cancellable
    from actors.kernel.kernel import Kernel

_KEPT_QUEUES = 64


class Bounded(Protocol):
    """What has to be over in time: a future, or what stands for one."""

    def done(self) -> bool: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


class DeadlineQueue:
    """The open calls with one timeout, oldest first."""

    __slots__ = ("_kernel", "_queues", "_timeout_s", "_timer", "_waiting")

    def __init__(self, kernel: Kernel, timeout_s: float, queues: dict[float, DeadlineQueue]) -> None:
        self._kernel = kernel
        self._timeout_s = timeout_s
        self._queues = queues
        self._waiting: dict[Bounded, tuple[float, Cell]] = {}
        self._timer: Cancellable | None = None

    def add(self, reply: Bounded, cell: Cell) -> None:
        """`reply` fails with `CallTimeout` when it is not taken off in time; `cell` is who was asked."""
        clock = self._kernel.clock
        self._waiting[reply] = (clock.now() + self._timeout_s, cell)
        if self._timer is None:
            self._timer = clock.call_later(self._timeout_s, self._look)

    def take_off(self, reply: Bounded) -> None:
        """The call is over."""
        self._waiting.pop(reply, None)
        # The timer stays for the next call with this timeout, unless there are so many timeouts that it is no habit.
        if not self._waiting and len(self._queues) > _KEPT_QUEUES:
            self._forget()

    def _look(self) -> None:
        self._timer = None
        now = self._kernel.clock.now()
        expired: list[tuple[Bounded, Cell]] = []
        for reply, (due, cell) in self._waiting.items():
            if due > now:
                self._timer = self._kernel.clock.call_later(due - now, self._look)
                break
            expired.append((reply, cell))
        for reply, _ in expired:
            del self._waiting[reply]
        if self._timer is None:
            self._forget()
        for reply, cell in expired:
            if not reply.done():
                self._kernel.events.publish(CallTimedOut(cell.ref, self._timeout_s))
                reply.set_exception(CallTimeout(str(cell), self._timeout_s))

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._queues.get(self._timeout_s) is self:
            del self._queues[self._timeout_s]


class Deadlines:
    """All deadline queues of one kernel, by timeout in seconds. Loop thread only."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._queues: dict[float, DeadlineQueue] = {}

    def queue(self, timeout_s: float) -> DeadlineQueue:
        """The queue of calls with this timeout."""
        found = self._queues.get(timeout_s)
        if found is None:
            found = self._queues[timeout_s] = DeadlineQueue(self._kernel, timeout_s, self._queues)
        return found

    @property
    def queues(self) -> int:
        """How many different timeouts are remembered."""
        return len(self._queues)
