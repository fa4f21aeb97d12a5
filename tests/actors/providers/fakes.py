"""A provider for tests of the actors: answers when it is let."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from actors.providers import Answer, Request, Usage


class GatedProvider:
    """Answers with its number once `gate` is open; `error` is raised instead when it is set."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        self.closed = asyncio.Event()
        self.error: Exception | None = None
        self.calls = 0
        self.cancelled = 0

    @property
    def name(self) -> str:
        return "gated"

    async def complete(self, request: Request) -> Answer:
        self.calls += 1
        self.begun.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return Answer(str(self.number), None, "gated", "gate-1", Usage(1, 2), None, "end_turn")

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        yield (await self.complete(request)).text

    async def count_tokens(self, request: Request) -> int:
        return len(request.prompt)

    async def aclose(self) -> None:
        self.closed.set()
