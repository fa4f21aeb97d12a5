"""Whose request is read next, of those that are large.

Python reads JSON without a pause: for as long as that takes (tenths of a second for megabytes) nothing else of the node
gets its turn. So one is read at a time, each user has one in the queue, and none is begun while a kill switch is being
triggered.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator

from runtime.gateway.problems import ApiError

URGENT_S = 2.0


class ReadingTurns:
    """The turns of one gateway. Loop thread only."""

    def __init__(self, urgent_s: float = URGENT_S) -> None:
        self._urgent_s = urgent_s
        self._one = asyncio.Lock()
        self._of_user: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = {}
        self._urgent = 0
        self._calm = asyncio.Event()
        self._calm.set()

    @contextlib.contextmanager
    def urgent(self) -> Generator[None]:
        """No turn begins meanwhile, for at most `urgent_s`."""
        self._urgent += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._urgent -= 1
            if not self._urgent:
                self._calm.set()

    @contextlib.asynccontextmanager
    async def turn(self, user: str, timeout_s: float) -> AsyncGenerator[None]:
        """The turn of `user`, once it comes. Raises `ApiError` 503 when it does not within `timeout_s`."""
        self._waiting[user] = self._waiting.get(user, 0) + 1
        mine = self._of_user.setdefault(user, asyncio.Lock())
        try:
            async with contextlib.AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(timeout_s):
                        await held.enter_async_context(mine)
                        await held.enter_async_context(self._one)
                except TimeoutError:
                    raise ApiError(
                        503, "busy", f"large requests of others were being read for {timeout_s:g} s; try again."
                    ) from None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._urgent_s):
                        await self._calm.wait()
                yield
        finally:
            self._waiting[user] -= 1
            if not self._waiting[user]:
                del self._waiting[user], self._of_user[user]
