"""Whether there is room for one more run, and when to come back if there is none.

A run too many is refused at once instead of waiting in an unbounded queue: who asks is told how long it will take
until there is room, from how fast runs end and how many others were turned away just now.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.kernel import Kernel
from actors.runs.errors import TooManyRunsError
from actors.runs.roll import LiveRun, Roll
from actors.runs.values import RunRequest
from pipelines.guardrails.throughput import Throughput, TurnedAway

MOST_TENANTS = 1_000


@dataclass(frozen=True, slots=True)
class RunTurnedAway:
    """Published when a run was refused for want of room; `why` is "node" or "tenant"."""

    why: str


class Door:
    """Part of the dispatcher. `most_per_tenant` bounds the runs that one user asks for; what runs start themselves
    (a search of the fallback, an evolution's) counts, but is bounded by the node's limit only: it helps a run that has
    its place."""

    def __init__(self, roll: Roll, kernel: Kernel, most: int, most_per_tenant: int | None) -> None:
        self._roll = roll
        self._kernel = kernel
        self._most = most
        self._most_per_tenant = most_per_tenant
        self._speed = Throughput()
        self._speeds: dict[str, Throughput] = {}
        self._outside = TurnedAway()
        self._outside_of: dict[str, TurnedAway] = {}
        roll.when_left = self._left

    def check(self, request: RunRequest) -> None:
        """Raises `TooManyRunsError` when there is no room."""
        now = self._kernel.clock.now()
        if len(self._roll) >= self._most:
            self._kernel.events.publish(RunTurnedAway("node"))
            raise TooManyRunsError(self._most, retry_after_s=self._speed.wait_s(self._outside.add(now), now))
        most = self._most_per_tenant
        if most is not None and request.origin == "user" and self._roll.live_of(request.tenant) >= most:
            self._kernel.events.publish(RunTurnedAway("tenant"))
            before = self._outside_of.setdefault(request.tenant, TurnedAway()).add(now)
            wait_s = self._speeds.setdefault(request.tenant, Throughput()).wait_s(before, now)
            raise TooManyRunsError(most, request.tenant or "nobody", wait_s)

    def _left(self, live: LiveRun) -> None:
        now = self._kernel.clock.now()
        self._speed.ended(now)
        if self._most_per_tenant is None:
            return
        if len(self._speeds) > MOST_TENANTS:
            self._speeds.clear()
            self._outside_of.clear()
        self._speeds.setdefault(live.tenant, Throughput()).ended(now)
