"""`Actor`: a pykka actor that runs on the node's event loop and ends by OTP's rules.

Subclass it, take messages in `on_receive` (plain or async), start it with `await kernel.spawn(Class, ...)` or under
a supervisor. Hooks: `on_start` may return `IGNORE`; `on_stop` runs on every end but a kill and finds the reason in
`exit_reason`. What differs from pykka: an exception that leaves a handler ends the actor under `ask` too, unless
its type is in `expected_errors`; a `BaseException` ends this actor and no other.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import pykka
import pykka.messages
from msgspec import Struct

from actors.kernel import links
from actors.kernel.dormancy import Dormancy
from actors.kernel.errors import KernelError
from actors.kernel.exits import ExitReason
from actors.kernel.facts import plain_facts
from actors.kernel.future import ActorFuture
from actors.kernel.messages import Deferred, MonitorRef, ReplyTo, settle, settle_error
from actors.kernel.owned import own, take_reply
from actors.kernel.timers import IdleTimer, Timer

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.kernel import Kernel
    from actors.kernel.own_thread import OwnThread
    from actors.kernel.ref import ActorRef

_KERNELS_OWN = frozenset({"_cell", "kernel", "own_thread", "receive"})
_PROXY_MESSAGES = frozenset({pykka.messages.ProxyCall, pykka.messages.ProxyGetAttr, pykka.messages.ProxySetAttr})


class Reply(Struct, eq=False):
    """A reply kept for later. Setting it twice, or after the caller gave up, does nothing."""

    _cell: Cell
    _to: ReplyTo | None

    def set(self, value: Any) -> None:
        """Answers the caller. From any thread."""
        if self._to is not None:
            self._on_loop(settle, value)

    def fail(self, error: Exception) -> None:
        """Answers the caller with an error; the actor itself is not touched. From any thread."""
        if self._to is not None:
            self._on_loop(settle_error, error)

    @property
    def awaited(self) -> bool:
        """Whether anybody ever waited: False when the message was told."""
        return self._to is not None

    @property
    def given_up(self) -> bool:
        """Whether whoever waited has the reply, or has left without."""
        return self._to is not None and self._to.done()

    def _on_loop(self, answer: Callable[[ReplyTo, Any], None], content: Any) -> None:
        assert self._to is not None
        kernel = self._cell.kernel
        if threading.get_ident() == kernel.thread_id:
            answer(self._to, content)
            if self._cell.pending is not None:
                self._cell.pending.pop(self._to, None)
        else:
            kernel.call_soon_threadsafe(answer, self._to, content)


class Actor(pykka.Actor):
    """Base of all actors of the node. Handlers take one message at a time, on the kernel's loop."""

    #: How many user messages may wait. System messages (exit, down, stop) always get in.
    mailbox_limit: ClassVar[int] = 10_000
    #: What happens to one more: `reject` tells the sender, `drop_oldest` is for telemetry.
    mailbox_policy: ClassVar[Literal["reject", "drop_oldest"]] = "reject"
    #: Exceptions that are answers and not crashes: the caller gets them, the actor lives. That does not depend on how
    #: the message came: when it was told, the error is published as `ErrorUnheard`, because nobody waits for it. From
    #: a timer's message, an `Exit` or a `Down`, or from `spawn_task` they are crashes like any other: nobody asked.
    expected_errors: ClassVar[tuple[type[Exception], ...]] = ()
    #: Receive exits of linked actors as `Exit` messages instead of sharing their fate.
    trap_exit: ClassVar[bool] = False

    #: The thread of an actor that has one.
    own_thread: OwnThread | None = None

    #: The kernel this actor runs on. Set once, and not looked up: a step asks for it some twenty times.
    kernel: Kernel

    _cell: Cell

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        # The kernel has bound the control block before this runs; pykka's queue, event and uuid are not needed.
        pass

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> ActorRef[Self]:  # type: ignore[override]
        """pykka's `start`, for threads other than the loop's: blocks until `on_start` has finished.

        Uses the kernel that was made last in this process. On the loop use `await kernel.spawn(cls, ...)`.
        """
        from actors.kernel.kernel import Kernel  # noqa: PLC0415 - the kernel imports this module

        return Kernel.latest().spawn_blocking(cls, *args, **kwargs)

    # ---- hooks ---------------------------------------------------------------------------------------------

    def on_start(self) -> Any:
        """Runs before the first message. Plain or async; an exception makes the start fail. May return `IGNORE`."""

    def on_stop(self) -> Any:
        """Runs at the end, plain or async, except after a kill. An exception here becomes the exit reason."""

    def on_exit_request(self) -> None:
        """For actors that trap exits: told to end while an async init or handler of theirs still runs, which is left
        to finish. Cut short here what it waits for; plain, and at once. `on_stop` follows as ever.
        """

    def on_passivate(self) -> Any:
        """Runs before an idle actor whose child spec has `passivate_after_s` is put to sleep: write down what the next
        one must know. Plain or async; does what `on_stop` does unless overridden, with `exit_reason` None. The object
        is dropped afterwards; the next message makes a new one, from `__init__` and `on_start`.
        """
        return self.on_stop()

    def describe(self) -> Mapping[str, object]:
        """What people who inspect this actor see of its state. By default each attribute's type and size.

        Override it to say more in few words; the result is bounded. Runs on the loop, at any time, also beside a
        handler of this actor: be quick, change nothing, and tell no secret and no user's text.
        """
        return plain_facts({name: value for name, value in self.__dict__.copy().items() if name not in _KERNELS_OWN})

    # ---- who and where -------------------------------------------------------------------------------------

    @property
    def ref(self) -> ActorRef[Self]:
        """This incarnation's own reference."""
        return self._cell.ref

    @property
    def actor_ref(self) -> ActorRef[Self]:  # type: ignore[override]
        return self._cell.ref

    @property
    def parent(self) -> ActorRef[Any] | None:
        """The actor that started this one, if any."""
        return None if self._cell.parent is None else self._cell.parent.ref

    @property
    def exit_reason(self) -> ExitReason | None:
        """Why this actor is ending; None before that."""
        return self._cell.reason

    def __str__(self) -> str:
        return str(self._cell)

    def stop(self) -> None:
        """Stops this actor behind what is already queued."""
        self._cell.ref.stop(block=False)

    # ---- later replies and owned work ----------------------------------------------------------------------

    def defer(self, work: Coroutine[Any, Any, Any]) -> Deferred:
        """`return self.defer(coro)`: `coro` brings the reply while the actor takes further messages.

        The task belongs to this actor and is cancelled when the actor ends or the caller gives up. An exception in
        `expected_errors` fails only the caller, any other one ends the actor.
        """
        return Deferred(work)

    def later(self) -> Reply:
        """Takes the current message's reply out of the handler's hands, to be set from any later message."""
        return Reply(self._cell, take_reply(self._cell))

    def spawn_task(
        self, work: Coroutine[Any, Any, Any], then: Callable[[asyncio.Task[Any]], object] | None = None
    ) -> asyncio.Task[Any]:
        """Runs `work` beside the handlers, owned by this actor; an exception in it ends the actor. `cancel()` on the
        task ends it quietly. `then` is called with the task when it is done, however it ended, as a callback added to
        it would be; it costs no turn of the loop of its own.
        """
        return own(self._cell, work, None, then=then)

    # ---- timers, links, monitors ---------------------------------------------------------------------------

    def tell_after(self, delay_s: float, message: Any) -> Timer:
        """Sends `message` to this actor once, in `delay_s` seconds. Loop thread only."""
        return Timer(self._cell, delay_s, message)

    def tell_every(self, interval_s: float, message: Any) -> Timer:
        """Sends `message` to this actor every `interval_s` seconds. Loop thread only."""
        return Timer(self._cell, interval_s, message, interval_s)

    def idle_after(self, idle_s: float, message: Any) -> None:
        """Sends `message` to this actor when nothing else came for `idle_s` seconds; every message starts the wait
        anew. A second call replaces the first; `idle_s` of 0 ends it.
        """
        cell = self._cell
        timer = IdleTimer(cell, idle_s, message) if idle_s > 0 else None
        if isinstance(cell.idle, Dormancy):
            cell.idle.set_own(timer)
            return
        if cell.idle is not None:
            cell.idle.cancel()
        cell.idle = timer

    def link(self, other: ActorRef[Any]) -> None:
        """Shares fate with `other`: an abnormal end of one ends both. One who is not there ends this actor at once
        with `NoProcess`, or is an `Exit` message to one that traps exits.
        """
        links.link(self._cell, self._there_or_dead(other))

    def unlink(self, other: ActorRef[Any]) -> None:
        """Ends the sharing; no late signal arrives afterwards."""
        target = other.resolve()
        if target is not None:
            links.unlink(self._cell, target)

    def monitor(self, other: ActorRef[Any]) -> MonitorRef:
        """Asks for one `Down` message when `other` ends (at once when it is dead)."""
        return links.monitor(self._cell, self._there_or_dead(other))

    def _there_or_dead(self, other: ActorRef[Any]) -> Cell:
        return other.resolve() or self.kernel.dead_cell(str(other))

    def demonitor(self, monitor: MonitorRef, *, flush: bool = True) -> None:
        """Ends a monitor; with `flush` a queued `Down` of it goes too."""
        links.demonitor(self._cell, monitor, flush=flush)

    # ---- for the kernel ------------------------------------------------------------------------------------

    def receive(self, message: Any) -> Any:
        """Hands one message to its handler. Overridden by actors that handle elsewhere than on the loop."""
        if message.__class__ in _PROXY_MESSAGES:
            return pykka.Actor._handle_receive(self, message)
        return self.on_receive(message)

    def bind(self, cell: Cell) -> None:
        """Ties the actor to its control block, before `__init__` runs."""
        self._cell = cell
        self.kernel = cell.kernel

    def start_hook(self) -> Any:
        """What the kernel runs at the start."""
        return self.on_start()

    def stop_hook(self) -> Any:
        """What the kernel runs at the end, or None when there is nothing to run."""
        return None if type(self).on_stop is Actor.on_stop else self.on_stop

    def passivate_hook(self) -> Any:
        """What the kernel runs before it drops an idle actor, or None when there is nothing to run."""
        plain = type(self).on_passivate is Actor.on_passivate and type(self).on_stop is Actor.on_stop
        return None if plain else self.on_passivate

    def release(self) -> None:
        """Runs last of all, after a kill too: gives back what is not the kernel's, such as a thread. Must not wait."""

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise KernelError("mailboxes belong to the kernel's control blocks")

    @staticmethod
    def _create_future() -> ActorFuture:
        return ActorFuture()

    def _start_actor_loop(self) -> None:
        raise KernelError("start actors with `await kernel.spawn(...)` or under a supervisor")
