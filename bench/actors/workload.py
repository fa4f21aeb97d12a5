"""The actors that are measured, and the messages they get."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from actors.kernel import Actor


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for an answer."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Asks for an answer after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Break:
    """Makes the actor raise."""


class Plain(Actor):
    """Answers with what it got, in a handler that is a plain function; `Break` makes it raise."""

    def on_receive(self, message: Any) -> Any:
        if message.__class__ is Break:
            raise RuntimeError("broken on request")
        return message


class Coroutine(Actor):
    """The same with a handler that is a coroutine, which `Wait` makes wait."""

    async def on_receive(self, message: Any) -> Any:
        match message:
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Break():
                raise RuntimeError("broken on request")
            case _:
                return message
        return None


class AsyncStart(Plain):
    """`Plain` with a start that is a coroutine, so that the kernel has to give it a task."""

    async def on_start(self) -> None:
        """Does nothing, asynchronously."""


class Receiver(Actor):
    """Counts what it is told and sets `all_here` at the last of `expected` messages."""

    mailbox_limit = 10_000_000

    def __init__(self, expected: int, all_here: asyncio.Event) -> None:
        super().__init__()
        self._left = expected
        self._all_here = all_here

    def on_receive(self, message: Any) -> None:
        self._left -= 1
        if self._left == 0:
            self._all_here.set()
