"""One actor's control block: its mailbox, its turn on the scheduler, and the tasks it owns.

A cell runs on its kernel's loop thread only. An idle actor has no task: plain handlers run inside the scheduler's
turn, and only a handler that is a coroutine gets a task, which then also takes the messages that came meanwhile.
That keeps an idle actor at a few hundred bytes and a call at a few microseconds (see bench/actors).
"""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Literal

from actors.kernel import termination
from actors.kernel.dormancy import NOTHING, SLEEP, Dormancy
from actors.kernel.events import ErrorUnheard
from actors.kernel.exits import Crashed, Normal
from actors.kernel.mailbox import Mailbox
from actors.kernel.messages import (
    Call,
    Deferred,
    Down,
    Exit,
    MonitorRef,
    ReplyTo,
    StopRequest,
    settle,
    settle_error,
)
from actors.kernel.owned import is_coroutine, own, transportable
from actors.kernel.timers import IdleTimer, Timer, TimerFired

if TYPE_CHECKING:
    from actors.kernel.actor import Actor
    from actors.kernel.kernel import Kernel
    from actors.kernel.ref import ActorRef

Status = Literal["starting", "running", "exiting", "dead"]

#: The actor that is blocked by its handler in this context, for calls that must know their caller. None in tasks that
#: an actor runs beside its handlers.
handling_cell: contextvars.ContextVar[Cell | None] = contextvars.ContextVar("handling_cell", default=None)

_TURN = 64  # messages one actor may take before others get their turn
_NOT_TOLD = frozenset({Call, Exit, Down, TimerFired, StopRequest})  # everything else came by `tell`


class Cell(Mailbox):
    """The control block. Only the kernel's own modules touch it."""

    __slots__ = (
        "__weakref__",
        "_grave",
        "actor",
        "brutal",
        "call",
        "id",
        "idle",
        "item",
        "links",
        "name",
        "owned",
        "parent",
        "pending",
        "restarts",
        "since",
        "started_at",
        "starter",
        "status",
        "stop_waiters",
        "suspended",
        "terminator",
        "timers",
        "waiting_on",
        "watched_by",
        "watching",
    )

    def __init__(self, kernel: Kernel, actor_class: type[Actor], parent: Cell | None) -> None:
        super().__init__(kernel, actor_class)
        self.id = kernel.next_id()
        self.actor: Actor | None = None
        self.name: str | None = None
        self.parent = parent
        self.starter: Cell | None = None
        self.status: Status = "starting"
        self.brutal = False
        self.suspended = False
        self.started_at = 0.0
        self.restarts = 0
        self.call: Call | None = None
        self.item: Any = None  # what the running coroutine or deferred work is for
        self.since = 0.0  # when that coroutine began, by the kernel's clock
        self.terminator: asyncio.Task[None] | None = None
        self.waiting_on: Cell | None = None
        self.links: Cell | dict[Cell, None] | None = None  # see `ties`
        self.watched_by: dict[MonitorRef, Cell] | None = None
        self.watching: set[MonitorRef] | None = None
        self.timers: set[Timer] | None = None
        self.idle: IdleTimer | Dormancy | None = None
        self.owned: dict[asyncio.Task[Any], None] | None = None  # in order, as the two beside it
        self.pending: dict[ReplyTo, None] | None = None
        self.stop_waiters: list[ReplyTo] | None = None
        self.ref = kernel.new_ref(self)
        self._grave: weakref.ref[ActorRef[Any]] | None = None  # of a dead actor's ref

    def __getattr__(self, name: str) -> ActorRef[Any]:
        """The `ref` of a dead actor, which is let go (see `bury`): the one that somebody still holds, or another like
        it. No other attribute is ever missing."""
        if name != "ref":
            raise AttributeError(name)
        held = None if self._grave is None else self._grave()
        if held is None:
            held = self.kernel.new_ref(self)
            self._grave = weakref.ref(held)
        return held

    def bury(self) -> None:
        """Lets go of the ref of a dead actor. Ref and control block know each other: without that, whatever an actor
        leaves would wait for the cyclic garbage collector, with thousands of actors ending in each second.
        """
        if self._grave is None:
            self._grave = weakref.ref(self.ref)
            del self.ref

    def __str__(self) -> str:
        return self.name or f"{self.actor_class.__name__}#{self.id}"

    # ---- taking messages -----------------------------------------------------------------------------------

    def take_turn(self) -> None:
        """Runs by the scheduler: handles up to `_TURN` messages, or hands over to a task at the first coroutine."""
        self.scheduled = False
        if self.task is not None or self.status != "running":
            return
        work = self._advance()
        if work is not None:
            self.task = self.kernel.start_task(self._drive(work), self, handler=True, inner=work)

    def _advance(self) -> Coroutine[Any, Any, Any] | None:
        """Handles plain messages inline; returns the first handler that has to be awaited."""
        kernel = self.kernel
        budget = _TURN
        while self.status == "running":
            if self.system:
                item = self.system.popleft()
            elif self.queue and not self.suspended:
                item = self.queue.popleft()
                if self.room_waiters:
                    self.wake_room_waiter()
            else:
                return None
            if budget == 0:
                self.put_back(item)
                self.scheduled = True
                kernel.ready(self)
                return None
            budget -= 1
            previous = kernel.current
            kernel.current = self
            try:
                result = self._begin(item)
            except BaseException as error:  # noqa: BLE001 - an actor's crash is an exit reason, never its kernel's
                self.fail(error, item)
                continue
            finally:
                kernel.current = previous
            if result is NOTHING:
                continue
            if result is not None and is_coroutine(result):
                self.item = item
                self.since = kernel.clock.now()
                return result  # pyright: ignore[reportUnknownVariableType]
            if result.__class__ is Deferred:
                self.item = item
                self.answer(result)
                self.item = None
            elif self.call is not None:
                self.answer(result)
        return None

    def _begin(self, item: Any) -> Any:
        """Starts handling one item; `NOTHING` when there is nothing to answer."""
        if self.idle is not None:
            self.idle.touch(item)
        actor = self.actor
        if actor is None:
            assert isinstance(self.idle, Dormancy)
            return self.idle.wake(item)
        kind = item.__class__
        if kind is Call:
            if item.reply.cancelled():  # the caller is gone: nothing to do for nobody
                return NOTHING
            self.call = item
            return actor.receive(item.message)
        self.call = None
        if kind is TimerFired:
            if not item.timer.active:
                return NOTHING
            item.timer.delivered()
            if item.timer.message is SLEEP and isinstance(self.idle, Dormancy):
                return self.idle.fall_asleep()
            return actor.receive(item.timer.message)
        if kind is StopRequest:
            if item.waiter is not None:
                self.add_stop_waiter(item.waiter)
            termination.begin_exit(self, Normal())
            return NOTHING
        return actor.receive(item)

    async def _drive(self, work: Coroutine[Any, Any, Any]) -> None:
        """Awaits one handler after another until the mailbox is empty, then lets the task end."""
        turns = 0
        while True:
            try:
                result = await work
            except BaseException as error:  # noqa: BLE001 - see _advance
                if self.reason is not None:
                    return  # cancelled by our own exit: begin_exit has the reason
                self.task = None
                self.waiting_on = None
                self.fail(error, self.item)
                if self.reason is not None:
                    return
                self.task = asyncio.current_task()
            else:
                if self.status == "dead":
                    _close_deferred(result)
                    return
                self.answer(result)
                if self.reason is not None:
                    return
            turns += 1
            if turns % _TURN == 0:
                await asyncio.sleep(0)
                if self.status != "running":
                    return
            self.item = None
            following = self._advance()
            if following is None:
                self.task = None
                if self.mailbox_length() and self.status == "running" and not self.scheduled:
                    self.scheduled = True
                    self.kernel.ready(self)
                return
            work = following

    # ---- answers and failures ------------------------------------------------------------------------------

    def answer(self, result: Any) -> None:
        """Delivers a handler's value to whoever waits for it."""
        call, self.call = self.call, None
        if result.__class__ is Deferred:
            own(self, result.work, call.reply if call is not None else None, told=call is None)
        elif call is not None:
            settle(call.reply, result)

    def fail(self, error: BaseException, item: Any) -> None:
        """An exception left the handler of `item`: an expected error answers the caller, anything else is a crash.

        When the message was told, nobody waits; then an expected error is published and the actor lives too.
        """
        call, self.call = self.call, None
        if call is not None:
            settle_error(call.reply, transportable(error))
        if isinstance(error, self.actor_class.expected_errors) and (call is not None or _is_told(item)):
            if call is None:
                self.kernel.events.publish(ErrorUnheard(self.ref, error))
            return
        self.kernel.crashes.note(self, "handler", item)
        self.item = None
        termination.begin_exit(self, Crashed(error))

    def add_stop_waiter(self, waiter: ReplyTo) -> None:
        if self.stop_waiters is None:
            self.stop_waiters = []
        self.stop_waiters.append(waiter)


def _is_told(item: Any) -> bool:
    return item.__class__ not in _NOT_TOLD


def _close_deferred(result: Any) -> None:
    if result.__class__ is Deferred:
        result.work.close()
