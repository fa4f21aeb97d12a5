"""The monkey: kills, floods, cancels and switches off, by the seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from actors.journal import JournalError, UnfinishedRuns
from actors.kernel import ActorDeadError, ActorRef, CallTimeout, Crashed, KernelError, MailboxFull, Shutdown
from actors.killswitch import ArmSwitch, SwitchState, TriggerSwitch
from actors.runs import CancelRun, ListRuns, RunError
from pipelines.guardrails import KillSwitchError
from tests.chaos.world import World

FLOOD = 300
PAUSE_S = 0.004
GENTLE = ("node", "foundation", "runs_desk")  # a blow here ends much at once: it comes seldom


class Unhinged(Exception):
    """The reason of an exit that the monkey caused."""


class Monkey:
    """Breaks one thing at a time, at random moments. `did` counts what it did; the same seed chooses the same."""

    def __init__(self, world: World, rng: random.Random, run_ids: Sequence[str]) -> None:
        self._world = world
        self._rng = rng
        self._run_ids = run_ids
        self.did: Counter[str] = Counter()
        self.cancelled: set[str] = set()
        self.switched: set[str] = set()

    async def rage(self, blows: int) -> None:
        """Strikes `blows` times."""
        for _ in range(blows):
            await self._world.kernel.clock.sleep(self._rng.expovariate(1 / PAUSE_S))
            if self._world.down:
                return
            await self._strike()

    async def calm(self) -> None:
        """Switches everything on again."""
        for switch in list(self._world.view.triggered):
            await self._ask("kill_board", ArmSwitch(switch.level, switch.name, "calm again", "monkey"))

    async def _strike(self) -> None:
        match self._rng.choices(("kill", "crash", "stop", "flood", "cancel", "switch"), (40, 25, 10, 10, 5, 10))[0]:
            case "kill":
                self._hit("kill", _kill)
            case "crash":
                self._hit("crash", _crash)
            case "stop":
                self._hit("stop", _stop)
            case "flood":
                self._flood()
            case "cancel":
                await self._cancel()
            case _:
                await self._switch()

    def _hit(self, how: str, blow: Callable[[ActorRef[Any]], None]) -> None:
        victims = list(self._world.kernel.actors())
        if not victims:
            return
        victim = self._rng.choice(victims)
        if victim.name in GENTLE and self._rng.random() < 0.8:
            return
        self.did[how] += 1
        self.did[f"{how} {victim.actor_class.__name__}"] += 1
        blow(victim)

    def _flood(self) -> None:
        name, message = self._rng.choice(
            (("runs", ListRuns(5)), ("kill_board", SwitchState()), ("journal", UnfinishedRuns()))
        )
        self.did["flood"] += 1
        target: ActorRef[Any] = self._world.kernel.ref(name)
        try:
            for _ in range(FLOOD):
                target.tell(message)
        except (MailboxFull, ActorDeadError):
            return  # that is what a full mailbox is for

    async def _cancel(self) -> None:
        run_id = self._rng.choice(self._run_ids)
        self.did["cancel"] += 1
        self.cancelled.add(run_id)
        await self._ask("runs", CancelRun(run_id))

    async def _switch(self) -> None:
        name = self._rng.choice(("line", "diamond", "loop", "nested", "asking", "healed"))
        self.did["switch"] += 1
        if name in self.switched:
            self.switched.discard(name)
            await self._ask("kill_board", ArmSwitch("pipeline", name, "enough", "monkey"))
        else:
            self.switched.add(name)
            await self._ask("kill_board", TriggerSwitch("pipeline", name, "for fun", "monkey"))

    async def _ask(self, name: str, message: Any) -> None:
        """Nobody there, or an error that says so, is fine: the monkey sits in the middle of its own chaos."""
        try:
            await self._world.kernel.ref(name).call(message, timeout_s=2.0)
        except (ActorDeadError, CallTimeout, KernelError, RunError, KillSwitchError, JournalError):
            self.did["unanswered"] += 1


def _kill(victim: ActorRef[Any]) -> None:
    victim.kill()


def _crash(victim: ActorRef[Any]) -> None:
    victim.exit(Crashed(Unhinged()))


def _stop(victim: ActorRef[Any]) -> None:
    victim.exit(Shutdown("the monkey"))
