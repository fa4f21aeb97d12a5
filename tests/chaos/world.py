"""The world: the node's real tree with providers that are slow and fail by the seed, and a journal that remembers."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from actors.audit import AuditBook, AuditPlace, listen
from actors.journal import JournalPlace, MemoryStore, RecordStep, SqliteFile
from actors.kernel import ActorRef, ChildSpec, Kernel, LoopBlocked, LoopWatchdog
from actors.killswitch import KillView
from actors.providers import (
    Answer,
    ConnectionActor,
    ProviderPool,
    Request,
    TransientError,
    Usage,
    connection_name,
    pool_name,
)
from actors.runs import RunEvent
from pipelines.guardrails.breaker import BreakerPolicy
from pipelines.guardrails.breaker_panel import BreakerPanel
from pipelines.guardrails.breaker_rules import BreakerRules
from pipelines.guardrails.budget import Bound, BudgetPlan
from supervisors import Supervisor
from supervisors.tree import AuditPart, NodeParts, node_tree
from tests.chaos.load import answer_to
from tests.chaos.virtual_time import VirtualClock, VirtualTimeLoop

CONNECTIONS = 2
FAILING = 0.1
SLOWEST_S = 0.02
BREAKERS = BreakerRules(provider={"": BreakerPolicy(size=20, min_calls=10, open_s=0.05, half_open_calls=2)})
#: High enough for all, so that every call is lent its tokens first and settled on the disk.
BUDGETS = BudgetPlan(limits={"day": Bound(tokens=10**9)})


class Ledger:
    """What happened in all lives of the node: which steps are on record, and which were done after that."""

    def __init__(self) -> None:
        self.recorded: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.repeated: list[str] = []

    def ask(self, key: str | None) -> None:
        """A provider is asked for the step with this idempotency key."""
        if key is None:
            return
        self.asked[key] += 1
        if key in self.recorded:
            self.repeated.append(key)


class WatchedStore(MemoryStore):
    """A journal in memory that tells the ledger which steps it holds."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def write(self, write: Any, at: float) -> Any:
        reply = super().write(write, at)
        if isinstance(write, RecordStep):
            self._ledger.recorded.add(f"{write.run_id}:{write.step}")
        return reply


class ChaoticProvider:
    """Answers late, and sometimes not at all. A prompt that begins with [[down]] never succeeds."""

    def __init__(self, name: str, rng: random.Random, ledger: Ledger, kernel: Kernel) -> None:
        self.name = name
        self._rng = rng
        self._ledger = ledger
        self._kernel = kernel

    async def complete(self, request: Request) -> Answer:
        self._ledger.ask(request.idempotency_key)
        await self._kernel.clock.sleep(self._rng.random() * SLOWEST_S)
        if self._rng.random() < FAILING or (request.prompt.startswith("[[down]]") and self.name != "offline"):
            raise TransientError("overloaded", self.name, "the monkey says so")
        self._ledger.answered[str(request.idempotency_key)] += 1
        text = answer_to(request.prompt)
        return Answer(text, None, self.name, "chaos", Usage(1, 1), Decimal(0), "end_turn", {})

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        yield (await self.complete(request)).text

    async def count_tokens(self, request: Request) -> int:
        return len(request.prompt)

    async def aclose(self) -> None:
        """Holds nothing."""


class World:
    """One node and its disk. `start` after `end` is a new life of the node on the same disk."""

    def __init__(self, seed: int, directory: Path, *, on_disk: bool) -> None:
        self.rng = random.Random(seed)
        self.ledger = Ledger()
        self.directory = directory
        self.on_disk = on_disk
        self.view = KillView()
        self.store: JournalPlace = (
            SqliteFile(directory / "journal.sqlite3", "normal") if on_disk else WatchedStore(self.ledger)
        )
        self.lives = 0
        self.audit_place = AuditPlace.of(directory)
        self.trace = hashlib.blake2b(digest_size=12)
        self.kernel: Kernel
        self.root: ActorRef[Any]
        self.specs: tuple[ChildSpec, ...] = ()

    async def start(self) -> None:
        """A new life."""
        self.lives += 1
        loop = asyncio.get_running_loop()
        clock = VirtualClock(loop) if isinstance(loop, VirtualTimeLoop) else None
        self.kernel = Kernel(clock, random.Random(self.rng.random()))
        self.kernel.events.subscribe(self._keep)
        self.specs = node_tree(self._parts())
        self.root = await self.kernel.spawn(Supervisor, self.specs, name="node", strategy="rest_for_one")

    async def end(self) -> None:
        """Everything is told to stop; what does not is killed."""
        await self.kernel.shutdown()

    @property
    def down(self) -> bool:
        """Whether the tree has given up as a whole, as a daemon would before it is started anew."""
        return not self.root.is_alive()

    def _keep(self, event: object) -> None:
        """What happens and when, in one sum: two rounds that have the same one were the same."""
        if isinstance(event, LoopBlocked):
            return  # of the machine and its real time
        ref: ActorRef[Any] | None = getattr(event, "ref", None)
        told = "" if ref is None else ref.name or ref.actor_class.__name__
        if isinstance(event, RunEvent):
            told = f"{event.kind} {event.run_id} {event.step}"
        self.trace.update(f"{self.kernel.clock.now():.9f} {type(event).__name__} {told}\n".encode())

    def _parts(self) -> NodeParts:
        kernel, book = self.kernel, AuditBook()
        listen(kernel, book)
        self.panel = BreakerPanel(BREAKERS, kernel.events.publish, kernel.clock.wall)
        return NodeParts(
            state_dir=self.directory,
            journal=self.store,
            kill_view=self.view,
            by_name=self.kernel.ref,
            providers={name: self._provider(name) for name in ("anthropic", "gemini", "offline")},
            usable_providers=lambda: ("anthropic", "gemini", "offline"),
            routes={"claude": "anthropic", "gemini": "gemini"},
            max_live_runs=1000,
            watchdog=ChildSpec(id="loop_watchdog", actor_class=LoopWatchdog, name="loop_watchdog"),
            gateway=(),
            budgets=BUDGETS,
            breakers=self.panel,
            audit=AuditPart(self.audit_place, book, 20_000, kernel.clock.wall),
        )

    def _provider(self, name: str) -> tuple[ChildSpec, ...]:
        names: Sequence[str] = [connection_name(name, number) for number in range(1, CONNECTIONS + 1)]
        make = partial(ChaoticProvider, name, random.Random(self.rng.random()), self.ledger, self.kernel)
        return (
            *(ChildSpec(id=each, actor_class=ConnectionActor, args=(name, make), name=each) for each in names),
            ChildSpec(
                id="pool",
                actor_class=ProviderPool,
                args=(name, tuple(names)),
                kwargs={"panel": self.panel},
                name=pool_name(name),
            ),
        )
