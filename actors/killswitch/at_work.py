"""What is at work now, so that a switch cuts it off in the turn in which it comes into force: no message is sent, no
mailbox waited for, and nobody asked whom the switch concerns.

Whoever works enters itself before it looks at the switches, and leaves when it is done; between the two no trigger can
miss it. Looked through as a whole at a trigger, which is rare, so that each of the many steps pays for one entry only.
Calls of providers are cut first: what ends behind them costs time, they cost money.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from actors.kernel import ActorRef
from pipelines.guardrails.kill_switch import Key, Level, Subject, Switch, covers

UNWIND_S = 2.0
"""How long a worker that was cut off may take to end; as long as a StepActor has that its supervisor stops."""


class Work:
    """One piece of work of `worker`, and what switches know it by. `cut` ends it: plain, quick, and raises nothing.
    `switch` is the one that has cut it off."""

    __slots__ = ("_calls", "_ended", "_pipelines", "_provider", "_subject", "cut", "switch", "worker")

    def __init__(
        self,
        worker: ActorRef[Any],
        pipelines: tuple[str, ...],
        provider: str | None,
        subject: Subject,
        cut: Callable[[Switch], None],
    ) -> None:
        self.worker = worker
        self.cut = cut
        self.switch: Switch | None = None
        self._pipelines = pipelines
        self._provider = provider
        self._subject = subject
        self._calls: dict[asyncio.Task[Any], str] = {}
        self._ended: Callable[[], None] | None = None

    def begin_call(self, call: asyncio.Task[Any], provider: str) -> bool:
        """`call` is on its way to the vendor, and cancelled when the work is cut off. False: it has been, and the call
        must not be made."""
        if self.switch is not None:
            return False
        self._calls[call] = provider
        return True

    def end_call(self, call: asyncio.Task[Any]) -> None:
        """It is over."""
        self._calls.pop(call, None)
        if self._ended is not None:
            self._ended()

    def cut_off(self, switch: Switch, ended: Callable[[], None]) -> None:
        """Cancels its calls. `ended` is told of the end of each."""
        self.switch, self._ended = switch, ended
        for call in self._calls:
            call.cancel()

    def is_covered(self, key: Key) -> bool:
        """Whether a switch concerns it: also that of a provider which one of its calls asks beside its own."""
        if covers(key, self._pipelines, self._provider, self._subject):
            return True
        level, name = key
        return level is Level.PROVIDER and name in self._calls.values()


class AtWork:
    """All work of a node that switches can cut off. A plain object of the KillView, which outlives the board: loop
    thread only. `progress` is told of each call and each work that has ended because it was cut off."""

    __slots__ = ("_cut", "_progress", "_works")

    def __init__(self, progress: Callable[[], None] = lambda: None) -> None:
        self._progress = progress
        self._works: dict[Work, None] = {}
        self._cut: dict[Work, float | None] = {}

    def __len__(self) -> int:
        return len(self._works) + len(self._cut)

    def enter(self, work: Work) -> None:
        """It can be cut off from now on."""
        self._works[work] = None

    def leave(self, work: Work) -> None:
        """It is over. Leaving twice is leaving once."""
        self._works.pop(work, None)
        if work in self._cut:
            del self._cut[work]
            self._progress()

    def cut(self, switches: Iterable[Switch]) -> int:
        """Cuts off what these switches cover, each piece once; how many there were."""
        keys = [(switch.key, switch) for switch in switches]
        found: list[tuple[Work, Switch]] = []
        for work in self._works:
            for key, switch in keys:
                if work.is_covered(key):
                    found.append((work, switch))
                    break
        for work, switch in found:
            del self._works[work]
            self._cut[work] = None
            work.cut_off(switch, self._progress)
        for work, switch in found:
            work.cut(switch)
        return len(found)

    def kill_overdue(self, now: float) -> int:
        """Kills the workers that have not ended within about `UNWIND_S` after they were cut off, a moment on the
        board's clock; how many there were. To be asked at every poll: the first after a cut begins its time."""
        overdue: list[Work] = []
        for work, since in self._cut.items():
            if since is None:
                self._cut[work] = now
            elif now - since >= UNWIND_S:
                overdue.append(work)
        for work in overdue:
            del self._cut[work]
            work.worker.kill()
        return len(overdue)
