"""Who takes the next turn: actors with something to handle, one after the other, in the order in which they got it."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.kernel.mailbox import Mailbox


class RunQueue:
    """Gives turns in one callback of the loop; who is ready meanwhile has its turn in the next one, so that timers and
    sockets are served in between."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Mailbox] = deque()
        self._asked = False
        # Turns are taken in a context that belongs to nobody, or the actor that asked for one would outlive its end.
        self._context = contextvars.copy_context()

    def ready(self, who: Mailbox) -> None:
        """Lines up for a turn. Whoever is in line already must not come again."""
        self._waiting.append(who)
        if not self._asked:
            self._asked = True
            self._loop.call_soon(self._take_turns, context=self._context)

    def _take_turns(self) -> None:
        waiting = self._waiting
        try:
            for _ in range(len(waiting)):
                waiting.popleft().take_turn()
        finally:
            if waiting:
                self._loop.call_soon(self._take_turns, context=self._context)
            else:
                self._asked = False
