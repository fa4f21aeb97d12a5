"""What a run's PipelineActor does for its ledger: lends to StepActors, takes back from those that died, ends the run
when its time is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from actors.kernel import Actor, ActorRef, Down, MonitorRef
from actors.runs.frames import FrameTree
from actors.runs.messages import Lent, Release, Reserve, Settle
from pipelines.execution import Amount, LimitReachedError, out_of_time


@dataclass(frozen=True, slots=True)
class RunExpired:
    """The run has used up its `max_seconds`. Told by the PipelineActor's own timer."""

    error: dict[str, JsonValue]


class Allowance:
    """What a run's `limits` let it use. A reservation lives as long as the StepActor that asked for it."""

    def __init__(self, actor: Actor, tree: FrameTree) -> None:
        self._actor = actor
        self._ledger = tree.ledger
        # The one before us may have lent, too, and what it lent is told by number.
        self._ledger.last_number = actor.kernel.rng.getrandbits(56)
        self._names = tree.root.spec.ancestry.names
        self._lent: dict[MonitorRef, set[int]] = {}
        self._monitors: dict[str, MonitorRef] = {}

    def begin(self, max_seconds: float | None, began_s: float | None) -> None:
        """Sets the run's deadline; it began at this Unix time (None: now)."""
        if max_seconds is None:
            return
        spent_s = 0.0 if began_s is None else max(0.0, self._actor.kernel.clock.wall() - began_s)
        error = out_of_time(max_seconds, max(max_seconds, spent_s), self._names, "").error("", "pipeline")
        self._actor.tell_after(max(0.0, max_seconds - spent_s), RunExpired(error))

    def receive(self, message: Reserve | Lent | Settle | Release) -> int | LimitReachedError | None:
        """What a StepActor asks or tells about its calls."""
        match message:
            case Reserve():
                return self.reserve(message)
            case Lent():
                return self.adopt(message)
            case Settle():
                return self.settle(message)
            case Release():
                return self.release(message)

    def reserve(self, asked: Reserve) -> int | LimitReachedError:
        """The reservation's number, or why there is none."""
        made = self._ledger.reserve(asked.key, Amount(asked.tokens, asked.cost_usd))
        if isinstance(made, int):
            self._lent.setdefault(self._watched(asked.holder), set()).add(made)
        return made

    def adopt(self, told: Lent) -> None:
        """The PipelineActor before had lent this."""
        asked = told.reserved
        self._ledger.adopt(told.number, asked.key, Amount(asked.tokens, asked.cost_usd))
        self._lent.setdefault(self._watched(asked.holder), set()).add(told.number)

    def settle(self, told: Settle) -> None:
        """A call has its answer."""
        self._ledger.settle(told.number, told.key, Amount(told.tokens, told.cost_usd))
        self._forget(told.number)

    def release(self, told: Release) -> None:
        """A call has none."""
        self._ledger.release(told.number)
        self._forget(told.number)

    def down(self, message: Down) -> bool:
        """A StepActor has ended: what was set aside for it comes back. False: it had borrowed nothing."""
        numbers = self._lent.pop(message.monitor, None)
        if numbers is None:
            return False
        self._monitors = {name: each for name, each in self._monitors.items() if each != message.monitor}
        for number in numbers:
            self._ledger.release(number)
        return True

    def _watched(self, holder: ActorRef[Any]) -> MonitorRef:
        # By its incarnation: a restarted StepActor has the name of the one that died.
        name = f"{holder!r}"
        if name not in self._monitors:
            self._monitors[name] = self._actor.monitor(holder)
        return self._monitors[name]

    def _forget(self, number: int) -> None:
        for numbers in self._lent.values():
            numbers.discard(number)
