"""Who may call a provider next: free connections, rate limits and the fair queue, put together.

Whoever finds nobody waiting and no limit reached goes at once. The others wait in a `FairQueue` by tenant, model and
run. Whose turn has come, but who is too large for what its limits hold at the moment, is held back and nobody
passes it at that limit: else small calls could keep a large one waiting for ever. Bookkeeping without a clock of its
own; one event loop's.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from actors.providers.protocol import Request
from actors.providers.rota import Rota
from pipelines.context import count_tokens
from pipelines.guardrails.fair_queue import FairQueue
from pipelines.guardrails.rate_limits import Gate, RateLimits

# A call of a thousand tokens is one share of a turn; a larger one counts as several.
_TOKENS_OF_A_SHARE: Final = 1_000.0
_CHARACTERS_OF_A_TOKEN: Final = 4.0

Alive = Callable[[str], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Leave to make one call on `connection`, with what it took of its limits."""

    connection: str
    gates: tuple[Gate, ...]
    tokens: float


class Waiter:
    """A call that waits. `turn` gets its place; `since` is in seconds of the kernel's clock."""

    __slots__ = ("model", "path", "request", "since", "tenant", "turn")

    def __init__(self, request: Request, model: str, since: float) -> None:
        caller = request.caller
        self.request = request
        self.tenant = caller.tenant
        self.model = model
        self.path = (caller.tenant, model, caller.run_id)
        self.since = since
        self.turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()


class Admission:
    """The turns of one provider's calls."""

    def __init__(self, rota: Rota, limits: RateLimits) -> None:
        self._rota = rota
        self.limits = limits
        self._queue: FairQueue[Waiter] = FairQueue(levels=3)
        self._held: list[tuple[Waiter, Gate]] = []

    def __len__(self) -> int:
        return len(self._queue) + len(self._held)

    def at_once(self, request: Request, model: str, now: float, alive: Alive) -> Place | None:
        """A place without waiting; None when others wait, or there is none."""
        if self._held or len(self._queue):
            return None
        gates = self.limits.gates(request.caller.tenant, model, now)
        if not gates:
            connection = self._rota.take(alive)
            return None if connection is None else Place(connection, (), 0.0)
        tokens = _tokens(gates, request)
        if any(gate.delay(tokens, now) > 0 for gate in gates):
            return None
        return self._taken(gates, tokens, now, alive)

    def least_wait_s(self, request: Request, model: str, now: float) -> float:
        """How long its limits keep it at least; 0 where that depends on others."""
        gates = self.limits.gates(request.caller.tenant, model, now)
        delays = [gate.delay(_tokens(gates, request), now) for gate in gates]
        return max((each for each in delays if each < math.inf), default=0.0)

    def queue(self, waiter: Waiter) -> None:
        """Puts it behind those of its run, and its run among the others."""
        shares = len(waiter.request.prompt) / _CHARACTERS_OF_A_TOKEN / _TOKENS_OF_A_SHARE
        self._queue.push(waiter.path, waiter, max(1.0, shares))

    def leave(self, waiter: Waiter) -> None:
        """It waits no more, whether it has its place or not."""
        if not self._queue.remove(waiter.path, waiter):
            self._held = [each for each in self._held if each[0] is not waiter]

    def end(self, place: Place, used_tokens: float, now: float) -> None:
        """The call on this place has ended."""
        for gate in place.gates:
            gate.end(place.tokens, used_tokens if place.tokens else 0.0, now)
        self._rota.give_back(place.connection)

    def serve(self, now: float, alive: Alive) -> float:
        """Gives places to those whose turn it is. Seconds until a limit lets the next one through; infinite when only
        the end of a call can."""
        soonest = math.inf
        held, self._held = self._held, []
        for waiter, _ in held:
            soonest = min(soonest, self._give(waiter, now, alive))
        waits: list[float] = []
        while len(self._queue) and self._rota.has_room(alive):
            barred = {id(gate) for _, gate in self._held}
            whole = self._wait_at(self.limits.whole, barred, now)
            if whole > 0:
                waits.append(whole)
                break

            def ready(path: Sequence[Hashable], barred: set[int] = barred) -> bool:
                wait = self._wait_at(self._gate_at(path, now), barred, now)
                if wait > 0:
                    waits.append(wait)
                return wait == 0

            waiter = self._queue.pop(ready)
            if waiter is None:
                break
            soonest = min(soonest, self._give(waiter, now, alive))
        return min(soonest, min(waits, default=math.inf))

    def _gate_at(self, path: Sequence[Hashable], now: float) -> Gate | None:
        match len(path):
            case 1:
                return self.limits.tenant(str(path[0]), now)
            case 2:
                return self.limits.model(str(path[1]), now)
            case _:
                return None

    @staticmethod
    def _wait_at(gate: Gate | None, barred: set[int], now: float) -> float:
        if gate is None:
            return 0.0
        # Behind one that is held back nobody has to ask: its own delay is looked at already.
        return math.inf if id(gate) in barred else gate.delay(0.0, now)

    def _give(self, waiter: Waiter, now: float, alive: Alive) -> float:
        """Gives it a place, or holds it back: then the seconds that its limits want, infinite without such a time."""
        if waiter.turn.done():
            return math.inf
        gates = self.limits.gates(waiter.tenant, waiter.model, now)
        tokens = _tokens(gates, waiter.request)
        longest, at = max(((gate.delay(tokens, now), index) for index, gate in enumerate(gates)), default=(0.0, 0))
        if longest > 0:
            self._held.append((waiter, gates[at]))
            return longest
        place = self._taken(gates, tokens, now, alive)
        if place is None:
            self._held.append((waiter, self.limits.whole))
            return math.inf
        waiter.turn.set_result(place)
        return math.inf

    def _taken(self, gates: tuple[Gate, ...], tokens: float, now: float, alive: Alive) -> Place | None:
        connection = self._rota.take(alive)
        if connection is None:
            return None
        for gate in gates:
            gate.take(tokens, now)
        return Place(connection, gates, tokens)


def _tokens(gates: Sequence[Gate], request: Request) -> float:
    """What the call may use at most, as far as that can be told before; 0 where nobody counts."""
    if not any(gate.counts_tokens for gate in gates):
        return 0.0
    texts = [request.system or "", *(turn.text for turn in request.turns)]
    return float(sum(count_tokens(text).likely for text in texts) + request.max_tokens)
