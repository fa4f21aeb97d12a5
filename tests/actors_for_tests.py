"""Small actors and waits that the kernel's and supervisors' tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from actors.kernel import Actor, ActorRef, Down, Exit, Kernel, StartChild, WhichChildren


class Boom(Exception):
    """The crash that tests ask for."""


class Refusal(Exception):
    """An error that callers may expect."""


class Echo(Actor):
    """Gives back what it gets. `Boom` instances are raised, callables are called with the actor."""

    expected_errors = (Refusal,)

    def __init__(self, log: list[Any] | None = None, label: str = "") -> None:
        super().__init__()
        self.log: list[Any] = log if log is not None else []
        self.label = label

    def on_start(self) -> None:
        self.log.append(("start", self.label))

    def on_stop(self) -> None:
        self.log.append(("stop", self.label, self.exit_reason))

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message(self)
        if isinstance(message, Exit | Down):
            self.log.append(message)
        return message


class Trapper(Echo):
    """An Echo that traps exits."""

    trap_exit = True


class Gate(Actor):
    """Waits in its handler until the event in the message is set; `inside` tells when it got there."""

    def __init__(self, log: list[Any] | None = None) -> None:
        super().__init__()
        self.inside = asyncio.Event()
        self.log: list[Any] = log if log is not None else []

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, asyncio.Event):
            self.inside.set()
            await message.wait()
            self.log.append("passed")
        return message

    def on_stop(self) -> None:
        self.log.append(("stop", self.exit_reason))


async def inside(ref: ActorRef[Any], action: Callable[[Any], Any]) -> Any:
    """Runs `action(actor)` in the handler of an Echo and gives what it returns."""
    return await ref.call(action)


def post(ref: ActorRef[Any], action: Callable[[Any], Any]) -> None:
    """Sends `action` to run in the handler of an Echo."""
    ref.tell(action)


def note(log: list[Any], what: str) -> Callable[[Any], None]:
    """A message for an Echo that notes `what`."""

    def write(_actor: Any) -> None:
        log.append(what)

    return write


def new_log() -> list[Any]:
    """A list that anything may be noted in."""
    return []


async def until(condition: Callable[[], object], passes: int = 10_000) -> None:
    """Lets the loop run until `condition()` holds; fails after `passes` turns. No clock is involved."""
    for _ in range(passes):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition did not come true")


async def settle(passes: int = 20) -> None:
    """Lets everything that is due now happen."""
    for _ in range(passes):
        await asyncio.sleep(0)


async def child(supervisor: ActorRef[Any], child_id: str) -> Any:
    """What `which_children` says of one child's ref."""
    infos = await supervisor.call(WhichChildren())
    return next(info.ref for info in infos if info.id == child_id)


async def add(supervisor: ActorRef[Any], spec: Any) -> ActorRef[Any]:
    """Starts a child and gives its ref."""
    ref: ActorRef[Any] = await supervisor.call(StartChild(spec))
    return ref


def events_of(kernel: Kernel, kind: type[Any]) -> list[Any]:
    """Collects all events of one type from now on."""
    found: list[Any] = []
    kernel.events.subscribe(lambda event: found.append(event) if isinstance(event, kind) else None)
    return found
