"""The node's real tree for tests: real runs, journal, fallback and connections; only the vendors are played."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from actors.journal import MemoryStore
from actors.kernel import ChildSpec, Kernel, LoopWatchdog
from actors.killswitch import KillView
from actors.providers import (
    Answer,
    ConnectionActor,
    ProviderPool,
    Request,
    UnavailableError,
    Usage,
    connection_name,
    pool_name,
)
from supervisors import Supervisor
from supervisors.tree import NodeParts, node_tree

Play = Callable[[str, Request], Awaitable[Answer]]


def answer_of(provider: str, request: Request) -> Answer:
    """The prompt's first words again; with a schema also as data."""
    text = " ".join(request.prompt.split()[:8])
    data = {"found": text.split()} if request.json_schema else None
    return Answer(text, data, provider, "played", Usage(len(request.prompt), 8), Decimal(0), "end_turn", {})


async def repeat(provider: str, request: Request) -> Answer:
    """The play where nothing else is wanted."""
    return answer_of(provider, request)


class PlayedProvider:
    """Does what the play says; without a key it refuses everything."""

    def __init__(self, name: str, has_key: bool, play: Play) -> None:
        self.name = name
        self._has_key = has_key
        self._play = play

    async def complete(self, request: Request) -> Answer:
        if not self._has_key:
            raise UnavailableError("no_key", self.name, "there is no key")
        return await self._play(self.name, request)

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        yield (await self.complete(request)).text

    async def count_tokens(self, request: Request) -> int:
        return len(request.prompt)

    async def aclose(self) -> None:
        """Holds nothing."""


def _children(name: str, has_key: bool, play: Play) -> tuple[ChildSpec, ...]:
    connection = connection_name(name, 1)
    make = partial(PlayedProvider, name, has_key, play)
    return (
        ChildSpec(id=connection, actor_class=ConnectionActor, args=(name, make), name=connection),
        ChildSpec(id="pool", actor_class=ProviderPool, args=(name, (connection,)), name=pool_name(name)),
    )


async def in_tree(
    directory: Path,
    keys: Mapping[str, bool],
    main: Callable[[Kernel], Awaitable[Any]],
    journal: MemoryStore | None = None,
    play: Play = repeat,
    view: KillView | None = None,
) -> Any:
    """What `main` gives, in a tree that is stopped afterwards. `keys` says which providers there are and have a key."""
    kernel = Kernel()
    parts = NodeParts(
        state_dir=directory,
        journal=journal or MemoryStore(),
        kill_view=view or KillView(),
        by_name=kernel.ref,
        providers={name: _children(name, has_key, play) for name, has_key in keys.items()},
        usable_providers=lambda: tuple(name for name, has_key in keys.items() if has_key),
        routes={"claude": "anthropic", "gemini": "gemini"},
        max_live_runs=1000,
        watchdog=ChildSpec(id="watchdog", actor_class=LoopWatchdog, name="loop_watchdog"),
        gateway=(),
    )
    try:
        await kernel.spawn(Supervisor, node_tree(parts), name="node", strategy="rest_for_one")
        return await main(kernel)
    finally:
        await kernel.shutdown()
