"""Passivation: a long-idle actor's object is dropped, and its next message makes a new one ("virtual actors").

The control block stays, and with it all that others hold: refs, name, links, monitors, the supervisor's entry, the
mailbox. So nobody has to know whether an actor sleeps, and no message falls between two of its lives. What the actor
must not forget it writes down in `on_passivate` (by default its `on_stop`) and reads in `on_start`.

An actor stays awake as long as anything of it is under way: a handler, a queued message, a timer, a task it owns, a
reply it owes. A `stop` does not wake it. A crash on waking is a crash like any other: the supervisor restarts it.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final

from actors.kernel import termination
from actors.kernel.exits import Normal
from actors.kernel.messages import IGNORE, Call, StopRequest
from actors.kernel.timers import IdleTimer, TimerFired
from actors.kernel.tracing import trace_of

if TYPE_CHECKING:
    from actors.kernel.actor import Actor
    from actors.kernel.cell import Cell
    from actors.kernel.tracing import Trace

#: The message of the timer that sends an actor to sleep.
SLEEP: Final = object()
#: What a turn gives that answers nobody.
NOTHING: Final[Any] = object()


class Dormancy:
    """Stands where an actor's idle timer stands, and takes the actor's own one along."""

    __slots__ = ("_args", "_cell", "_idle_s", "_kwargs", "_own", "_timer", "trace")

    def __init__(self, cell: Cell, idle_s: float, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._cell = cell
        self._idle_s = idle_s
        self._args = args
        self._kwargs = kwargs
        self._own: IdleTimer | None = None
        self.trace: Trace | None = None  # waits here for the next object
        self._timer = IdleTimer(cell, idle_s, SLEEP)

    def touch(self, item: Any) -> None:
        """`item` is taken from the mailbox."""
        self._timer.touch(item)
        if self._own is not None and not (item.__class__ is TimerFired and item.timer.message is SLEEP):
            self._own.touch(item)

    def set_own(self, timer: IdleTimer | None) -> None:
        """What the actor asked for with `idle_after`."""
        if self._own is not None:
            self._own.cancel()
        self._own = timer

    def cancel(self) -> None:
        """The actor has ended."""
        self._timer.cancel()
        self.set_own(None)

    # ---- asleep --------------------------------------------------------------------------------------------

    def fall_asleep(self) -> Any:
        """Runs `on_passivate` and lets the object go; a coroutine when that has to be awaited."""
        cell = self._cell
        actor = cell.actor
        if actor is None or cell.timers or cell.owned or cell.pending or cell.mailbox_length():
            self._timer.cancel()
            self._timer = IdleTimer(cell, self._idle_s, SLEEP)
            return NOTHING
        hook = actor.passivate_hook()
        result = None if hook is None else hook()
        if isinstance(result, Coroutine):
            return self._fall_asleep_slowly(actor, result)  # pyright: ignore[reportUnknownArgumentType]
        self._let_go(actor)
        return NOTHING

    async def _fall_asleep_slowly(self, actor: Actor, passivating: Coroutine[Any, Any, Any]) -> Any:
        await passivating
        self._let_go(actor)
        return NOTHING

    def _let_go(self, actor: Actor) -> None:
        self.set_own(None)
        if self._cell.actor is actor:
            self.trace = trace_of(actor)
            self._cell.actor = None
            termination.give_back(actor)

    # ---- awake again ---------------------------------------------------------------------------------------

    def wake(self, item: Any) -> Any:
        """Makes the object anew for `item`, which takes its turn again afterwards."""
        cell = self._cell
        if isinstance(item, Call) and item.reply.cancelled():
            return NOTHING
        if isinstance(item, StopRequest):
            if item.waiter is not None:
                cell.add_stop_waiter(item.waiter)
            termination.begin_exit(cell, Normal())
            return NOTHING
        cell.put_back(item)
        actor = cell.actor_class.__new__(cell.actor_class)
        actor.bind(cell)
        try:
            actor.__init__(*self._args, **self._kwargs)
            result = actor.start_hook()
        except BaseException:
            termination.give_back(actor)
            raise
        if isinstance(result, Coroutine):
            return self._wake_slowly(actor, result)  # pyright: ignore[reportUnknownArgumentType]
        return self._woken(actor, result)

    async def _wake_slowly(self, actor: Actor, starting: Coroutine[Any, Any, Any]) -> Any:
        try:
            result = await starting
        except BaseException:
            termination.give_back(actor)
            raise
        return self._woken(actor, result)

    def _woken(self, actor: Actor, result: Any) -> Any:
        if result is IGNORE or self._cell.reason is not None:  # or it ended while it was being made
            termination.give_back(actor)
            termination.begin_exit(self._cell, Normal())
        else:
            self._cell.actor = actor
            if self.trace is not None:
                self.trace.attach(actor)
                self.trace = None
        return NOTHING
