"""Timers of one actor: they put a message into its own mailbox and die with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.clock import Cancellable


class TimerFired:
    """The mailbox entry of a due timer; whether it still counts is decided when its turn comes."""

    __slots__ = ("timer",)

    def __init__(self, timer: Timer) -> None:
        self.timer = timer


class Timer:
    """Delivers `message` once after `delay_s`, or every `interval_s` when that is given.

    A cancelled timer's message is never delivered, not even when it was already due and queued. A repeating timer has
    at most one message in the mailbox at a time, so a slow actor is not flooded by its own clock.
    """

    __slots__ = ("_cell", "_handle", "_interval_s", "_queued", "active", "message")

    def __init__(self, cell: Cell, delay_s: float, message: Any, interval_s: float | None = None) -> None:
        self._cell = cell
        self._interval_s = interval_s
        self._queued = False
        self.message = message
        self.active = True
        if cell.timers is None:
            cell.timers = set()
        cell.timers.add(self)
        self._handle: Cancellable = cell.kernel.clock.call_later(delay_s, self._fire)

    def cancel(self) -> None:
        """Withdraws the timer. Safe to call twice."""
        self.active = False
        self._handle.cancel()
        if self._cell.timers is not None:
            self._cell.timers.discard(self)

    def delivered(self) -> None:
        """The kernel is about to hand the message over."""
        self._queued = False
        if self._interval_s is None:
            self.cancel()

    def _fire(self) -> None:
        if not self.active:
            return
        if self._interval_s is not None:
            self._handle = self._cell.kernel.clock.call_later(self._interval_s, self._fire)
        if not self._queued:
            self._queued = True
            self._cell.push_unbounded(TimerFired(self))
