"""Timers of one actor: they put a message into its own mailbox and die with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.clock import Cancellable


_PRECISION = 0.01  # share of the idle time: how exactly the end of a long handler is noticed


class TimerFired:
    """The mailbox entry of a due timer; whether it still counts is decided when its turn comes."""

    __slots__ = ("timer",)

    def __init__(self, timer: Timer) -> None:
        self.timer = timer


class Timer:
    """Delivers `message` once after `delay_s`, or every `interval_s` when that is given.

    A cancelled timer's message is never delivered, not even when it was already due and queued. A repeating timer
    has at most one message in the mailbox at a time, so a slow actor is not flooded by its own clock.
    """

    __slots__ = ("_cell", "_handle", "_interval_s", "_queued", "active", "message")

    def __init__(self, cell: Cell, delay_s: float, message: Any, interval_s: float | None = None) -> None:
        self._cell = cell
        self._interval_s = interval_s
        self._queued = False
        self.message = message
        self.active = True
        self._handle: Cancellable | None = None
        if cell.status == "dead":  # code that outlived its actor
            self.active = False
            return
        if cell.timers is None:
            cell.timers = set()
        cell.timers.add(self)
        if delay_s <= 0 and interval_s is None:
            self._fire()  # due now, and not when somebody next moves the clock
        else:
            self._handle = cell.kernel.clock.call_later(delay_s, self._fire)

    @property
    def interval_s(self) -> float | None:
        """How often it comes; None when it comes once."""
        return self._interval_s

    def cancel(self) -> None:
        """Withdraws the timer. Safe to call twice."""
        self.active = False
        if self._handle is not None:
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


class IdleTimer:
    """Delivers `message` once the actor has taken no other message for `idle_s` seconds.

    A message only notes the time; the clock is asked again when the wait would have ended, so a busy actor pays
    next to nothing.
    """

    __slots__ = ("_cell", "_handle", "_idle_s", "_last", "_timer", "message")

    def __init__(self, cell: Cell, idle_s: float, message: Any) -> None:
        self._cell = cell
        self._idle_s = idle_s
        self.message = message
        self._last = cell.kernel.clock.now()
        self._timer: Timer | None = None
        self._handle: Cancellable = cell.kernel.clock.call_later(idle_s, self._look)

    def touch(self, item: Any) -> None:
        """`item` is taken from the mailbox. After an idle message the wait begins again with the next other one."""
        self._last = self._cell.kernel.clock.now()
        timer = self._timer
        if timer is not None and not (item.__class__ is TimerFired and item.timer is timer):
            timer.cancel()
            self._timer = None
            self._handle = self._cell.kernel.clock.call_later(self._idle_s, self._look)

    def cancel(self) -> None:
        """Ends the waiting."""
        self._handle.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        cell = self._cell
        if cell.reason is not None:
            return
        now = cell.kernel.clock.now()
        busy = cell.task is not None or cell.mailbox_length() > 0
        if busy:  # idleness begins when the long handler is through
            self._last = now
        wait_s = self._idle_s * _PRECISION if busy else self._last + self._idle_s - now
        if wait_s > 0:
            self._handle = cell.kernel.clock.call_later(wait_s, self._look)
            return
        self._timer = Timer(cell, 0.0, self.message)
