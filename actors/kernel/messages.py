"""What travels in mailboxes beside the users' own messages."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from actors.kernel.exits import ExitReason

if TYPE_CHECKING:
    from actors.kernel.ref import ActorRef


class Ignore:
    """Returned by `on_start`: this actor is not needed. `start` then yields no ref and nobody is left running."""

    def __repr__(self) -> str:
        return "IGNORE"


IGNORE: Final = Ignore()


class Exit(Struct, frozen=True):
    """A link's exit signal as a message, for an actor that traps exits."""

    sender: ActorRef[Any]
    reason: ExitReason


class MonitorRef:
    """Names one monitor. Compared by identity."""

    __slots__ = ("target", "watcher")

    def __init__(self, watcher: Any, target: Any) -> None:
        self.watcher = watcher
        self.target = target


class Down(Struct, frozen=True):
    """Comes exactly once per monitor, when its actor has ended or was not there to begin with."""

    monitor: MonitorRef
    ref: ActorRef[Any]
    reason: ExitReason


class ReplyTo(Protocol):
    """The part of asyncio's and concurrent.futures' futures that a reply needs."""

    def done(self) -> bool: ...

    def cancelled(self) -> bool: ...

    def set_result(self, result: Any, /) -> None: ...

    def set_exception(self, exception: Any, /) -> None: ...

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None: ...


def settle(to: ReplyTo, value: Any) -> None:
    """Answers whoever waits, if anybody still does. A waiter on another thread may give up at this very moment."""
    if not to.done():
        try:  # and not suppress(): every reply passes here
            to.set_result(value)
        except (asyncio.InvalidStateError, concurrent.futures.InvalidStateError):
            return


def settle_error(to: ReplyTo, error: BaseException) -> None:
    """Fails whoever waits, if anybody still does."""
    if not to.done():
        with suppress(asyncio.InvalidStateError, concurrent.futures.InvalidStateError):
            to.set_exception(error)


class Call(Struct, eq=False):
    """A message whose sender waits."""

    message: Any
    reply: ReplyTo


class StopRequest:
    """`stop`: takes its turn behind what was queued before it."""

    __slots__ = ("waiter",)

    def __init__(self, waiter: ReplyTo | None) -> None:
        self.waiter = waiter


class Deferred:
    """What `Actor.defer` returns: the work that will bring the reply."""

    __slots__ = ("work",)

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.work = work
