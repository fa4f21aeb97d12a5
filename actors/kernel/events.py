"""Lifecycle events and the bus they go out on. Metrics, logs and progress streams subscribe.

Publishing is synchronous and in order; a subscriber must not block. An exception in one subscriber neither stops
the others nor the publisher: it is reported to the log of the module `evopipe.events`, at most once per subscriber
and exception type.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actors.kernel.exits import ExitReason

if TYPE_CHECKING:
    from actors.kernel.ref import ActorRef

_log = logging.getLogger("evopipe.events")


@dataclass(frozen=True, slots=True)
class ActorStarted:
    """An actor finished its `on_start`."""

    ref: ActorRef[Any]


@dataclass(frozen=True, slots=True)
class ActorExited:
    """An actor has ended, its name is free and its links and monitors have been told."""

    ref: ActorRef[Any]
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class ActorAbandoned:
    """A killed actor's code refuses to end; it was cut off, and its task or thread is left to itself."""

    ref: ActorRef[Any]


@dataclass(frozen=True, slots=True)
class ChildRestarted:
    """A supervisor has started a child again. `before` and `after` are the two incarnations; both have the same name if
    the child has one.
    """

    supervisor: str
    child_id: str
    reason: ExitReason
    before: ActorRef[Any] | None = None
    after: ActorRef[Any] | None = None


@dataclass(frozen=True, slots=True)
class SupervisorEscalated:
    """A supervisor went past its restart intensity and ends. `chain` goes from it down to what began it all."""

    supervisor: str
    child_id: str
    reason: ExitReason
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxOverflowed:
    """A message was rejected or dropped because a mailbox was full."""

    ref: ActorRef[Any]
    policy: str


@dataclass(frozen=True, slots=True)
class ErrorUnheard:
    """An expected error that a told message brought about: nobody waits for it, and the actor lives."""

    ref: ActorRef[Any]
    error: BaseException


@dataclass(frozen=True, slots=True)
class CallTimedOut:
    """A caller gave up waiting."""

    ref: ActorRef[Any]
    timeout_s: float


@dataclass(frozen=True, slots=True)
class LoopBlocked:
    """Something kept the event loop busy for `lag_s` seconds. `where` is actor name and source line."""

    lag_s: float
    where: str


Subscriber = Callable[[Any], object]

EVERY_LIFE = (ActorStarted, ActorExited)
"""The two events of each actor's life: thousands a second, for those who want to know of each actor."""


class EventBus:
    """Delivers every published event to those who subscribed to its kind, in order of subscription."""

    def __init__(self) -> None:
        self._subscribers: tuple[tuple[Subscriber, tuple[type, ...], tuple[type, ...]], ...] = ()
        # By the class of the event: a thousand steps a second publish several thousand events, and most subscribers
        # want none of them.
        self._hearing: dict[type, tuple[Subscriber, ...]] = {}
        self._reported: set[tuple[int, type[BaseException]]] = set()

    def subscribe(self, subscriber: Subscriber, *kinds: type, but: tuple[type, ...] = ()) -> Callable[[], None]:
        """Adds `subscriber` for events of these classes (and classes derived from them), or for all events when none
        is named, those of `but` left out; the returned function takes it off again and may be called twice."""
        self._subscribers = (*self._subscribers, (subscriber, kinds or (object,), but))
        self._hearing = {}

        def unsubscribe() -> None:
            self._subscribers = tuple(each for each in self._subscribers if each[0] is not subscriber)
            self._hearing = {}

        return unsubscribe

    def publish(self, event: object) -> None:
        """Hands `event` to those who hear its kind, now."""
        heard_by = self._hearing.get(event.__class__)
        for subscriber in self._heard_by(event.__class__) if heard_by is None else heard_by:
            try:
                subscriber(event)
            except BaseException as error:  # noqa: BLE001 - a listener's bug must not become the speaker's crash
                key = (id(subscriber), type(error))
                if key not in self._reported:
                    self._reported.add(key)
                    _log.exception("a subscriber of lifecycle events failed on %s", type(event).__name__)

    def hears(self, kind: type) -> bool:
        """Lets hot paths skip building an event of a kind that nobody would see."""
        heard_by = self._hearing.get(kind)
        return bool(self._heard_by(kind) if heard_by is None else heard_by)

    def _heard_by(self, kind: type) -> tuple[Subscriber, ...]:
        found = self._hearing[kind] = tuple(
            each for each, kinds, but in self._subscribers if issubclass(kind, kinds) and not issubclass(kind, but)
        )
        return found
