"""The reference's mock provider behind our protocol, and a clock on which nobody waits between attempts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from decimal import Decimal
from typing import Any, Final

from actors.kernel import ChildSpec
from actors.providers import (
    Answer,
    ConnectionActor,
    ProviderPool,
    RefusedError,
    Request,
    Usage,
    connection_name,
    pool_name,
)

NAME: Final = "mock"
_CONNECTION: Final = connection_name(NAME, 1)
_IN_FLIGHT: Final = 16


class MockProvider:
    """Answers "Mock response for: <50 characters>..."; a prompt with "error test" is refused."""

    @property
    def name(self) -> str:
        return NAME

    async def complete(self, request: Request) -> Answer:
        if "error test" in request.prompt:
            raise RefusedError("mock_error", NAME, "Mock error for testing")
        text = f"Mock response for: {request.prompt[:50]}..."
        return Answer(text, None, NAME, "mock", Usage(1, 1), Decimal("0.001"), "end_turn")

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        yield (await self.complete(request)).text

    async def count_tokens(self, request: Request) -> int:
        return len(request.prompt)

    async def aclose(self) -> None:
        return None


def mock_children() -> tuple[ChildSpec, ...]:
    """The provider's connection and pool, as the node has them for every provider."""
    return (
        ChildSpec(
            id=_CONNECTION,
            actor_class=ConnectionActor,
            args=(NAME, MockProvider, _IN_FLIGHT, "mock"),
            name=_CONNECTION,
        ),
        ChildSpec(
            id=pool_name(NAME),
            actor_class=ProviderPool,
            args=(NAME, (_CONNECTION,), _IN_FLIGHT),
            name=pool_name(NAME),
        ),
    )


class HurriedClock:
    """The loop's time, but a sleep is over at once. Deadlines are real."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return 1_700_000_000.0 + self.now()

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_s, callback, *args)

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(0)
