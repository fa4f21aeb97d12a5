"""A provider whose answers tests write, and its actors for a small node."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from decimal import Decimal

from actors.kernel import ChildSpec
from actors.providers import (
    Answer,
    ConnectionActor,
    ProviderError,
    ProviderPool,
    Request,
    Usage,
    connection_name,
    pool_name,
)
from pipelines.context import Window

NAME = "scripted"
ROUTES = {"claude": NAME, "gemini": NAME}
_IN_FLIGHT = 100


@dataclass
class ScriptedProvider:
    """Answers "answer to: PROMPT". `failures` are raised first, by prompt; `gates` are waited for, by prompt."""

    asked: Counter[str] = field(default_factory=Counter[str])
    requests: list[Request] = field(default_factory=list[Request])
    failures: dict[str, list[ProviderError]] = field(default_factory=dict[str, list[ProviderError]])
    gates: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    counted: list[Request] = field(default_factory=list[Request])
    counter: Callable[[Request], int] = field(default=lambda request: len(request.prompt))
    window: Window = field(default_factory=Window)
    active: int = 0
    most_active: int = 0

    @property
    def name(self) -> str:
        return NAME

    async def complete(self, request: Request) -> Answer:
        self.asked[request.prompt] += 1
        self.requests.append(request)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            gate = self.gates.get(request.prompt)
            if gate is not None:
                await gate.wait()
            else:
                await asyncio.sleep(0)
            waiting = self.failures.get(request.prompt) or self.failures.get("*")
            if waiting:
                raise waiting.pop(0)
            return Answer(
                f"answer to: {request.prompt}", None, NAME, "scripted-1", Usage(10, 3), Decimal("0.10"), "end_turn"
            )
        finally:
            self.active -= 1

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        yield (await self.complete(request)).text

    async def count_tokens(self, request: Request) -> int:
        """A token for each character of the prompt, or what `counter` says."""
        self.counted.append(request)
        return self.counter(request)

    async def aclose(self) -> None:
        return None

    def window_of(self, model: str | None) -> Window:
        """The same for every model."""
        return self.window

    def children(self) -> tuple[ChildSpec, ...]:
        """The provider's connection and pool, as the node has them for every provider."""
        connection = connection_name(NAME, 1)
        return (
            ChildSpec(
                id=connection,
                actor_class=ConnectionActor,
                args=(NAME, lambda: self, _IN_FLIGHT, "scripted-1"),
                name=connection,
            ),
            ChildSpec(
                id=pool_name(NAME),
                actor_class=ProviderPool,
                args=(NAME, (connection,), _IN_FLIGHT),
                kwargs={"window_of": self.window_of},
                name=pool_name(NAME),
            ),
        )
