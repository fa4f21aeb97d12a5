"""The breeding chamber: one evolution as a population of organisms that live, run, breed and are culled by messages.

What is decided is decided by pure functions over `Progress`; the chamber starts organisms, tells them to run, gathers
what they say and writes the ledger. Samples are applied in the plan's order, whenever they arrive, so that one run
at a time and sixteen give the same ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.disk import Turn
from actors.evolution import ledger
from actors.evolution.brood import Brood
from actors.evolution.errors import LedgerError
from actors.evolution.gathering import Gathering
from actors.evolution.messages import (
    CallOff,
    EvolutionState,
    EvolutionStatus,
    Evolve,
    Sampled,
    Unsampled,
)
from actors.evolution.progress import Progress, advanced, best_text, ended, habits_of, opening, replayed, state_of
from actors.kernel import Actor, ActorDeadError, ActorRef, Down, KernelError
from actors.killswitch import KillView, Subscribe, SwitchChanged
from pipelines.genetics import (
    Materials,
    Measurement,
    Observation,
    Plan,
    elites,
    founder,
    plan_generation,
    random_of,
)

MAX_TRIES = 5
FIRST_RETRY_S = 0.5
_FOUNDER_RUNS = 2


@dataclass(frozen=True, slots=True)
class _Begin:
    """To itself, so that starting a chamber waits for no disk."""


@dataclass(frozen=True, slots=True)
class _TryAgain:
    genome_id: str


class BreedingChamber(Actor):
    """Runs one evolution from its ledger's last generation to its end, then ends itself normally.

    `organisms` is the DynamicSupervisor for its organisms; `max_parallel` bounds how many run at a time. Each
    generation is synced to the ledger before the next begins, so a restart repeats at most one, with the same runs.
    A kill switch against the order (node, tenant, evolution, pipeline) ends it as stopped, its runs in flight with it.
    What stops runs in general (no dispatcher, no room) is tried again and then fails the evolution: it is not
    held against a genome. A ledger that cannot be written fails the evolution too. Tells "breeding" its state and
    publishes it after each generation. When it ends itself no run of its organisms is left behind; killed, it leaves
    them running for its successor.
    """

    def __init__(
        self,
        evolution_id: str,
        order: Evolve,
        directory: str | Path,
        organisms: ActorRef[Any],
        *,
        providers: tuple[str, ...] = ("anthropic", "gemini", "offline"),
        max_parallel: int = 16,
        run_timeout_s: float = 120.0,
        kill_view: KillView | None = None,
    ) -> None:
        super().__init__()
        self._id = evolution_id
        self._order = order
        self._directory = Path(directory)
        self._ledger = self._directory / ledger.LEDGER_FILE
        self._brood = Brood(evolution_id, order, self._workspace, organisms, run_timeout_s)
        self._providers = providers
        self._max_parallel = max_parallel
        self._kill_view = kill_view or KillView()
        self._progress = Progress()
        self._gathering: Gathering | None = None

    def on_start(self) -> None:
        self._kill_view.subscribe(self.ref)
        with contextlib.suppress(ActorDeadError):  # restarted, it finds its subscribers in the view
            self.kernel.ref("kill_board").tell(Subscribe(self.ref))
        self.ref.tell(_Begin())

    async def on_receive(self, message: Any) -> Any:
        match message:
            case _Begin():
                await self._begin()
            case Sampled(genome_id, index, observation):
                await self._take(genome_id, index, observation)
            case Unsampled(genome_id, reason, final):
                await self._retry(genome_id, reason, final=final)
            case _TryAgain(genome_id):
                await self._dispatch_again(genome_id)
            case Down(monitor, _, reason):
                await self._mourn(self._brood.ended(monitor), str(reason))
            case SwitchChanged():
                await self._stop_if_switched_off()
            case CallOff():
                self._gathering = None
                self._brood.call_off()
            case _:
                return super().on_receive(message)
        return None

    # ---- generations --------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        try:
            lines = await asyncio.to_thread(ledger.recover, self._ledger, Turn(self._ledger))
            if lines:
                _, _, self._progress = await asyncio.to_thread(replayed, lines)  # reads a definition a genome
            else:
                await asyncio.to_thread(
                    ledger.append, self._ledger, [opening(self._id, self._order)], Turn(self._ledger)
                )
            await asyncio.to_thread(self._workspace.mkdir, 0o700, parents=True, exist_ok=True)
        except (LedgerError, OSError) as error:
            self._end_unwritten(str(error))
            return
        if self._progress.status != "running":
            self._tell_state()
            self.stop()
            return
        if not await self._stop_if_switched_off():
            await self._next_generation()

    async def _stop_if_switched_off(self) -> bool:
        switch = self._kill_view.blocked(self._order.pipeline.name, subject=self._order.subject)
        if switch is None or self._progress.status != "running":
            return False
        await self._end("stopped", str(switch))
        return True

    async def _next_generation(self) -> None:
        plan = self._plan()
        if plan is None or not plan.measurements:
            used_up = self._progress.generation < self._order.generations
            reason = f"the budget of {self._order.budget_requests} requests is used up" if used_up else None
            await self._end("succeeded", reason)
            return
        self._gathering = Gathering.of(plan)
        await self._dispatch()

    def _plan(self) -> Plan | None:
        order, progress = self._order, self._progress
        number, left = progress.generation + 1, order.budget_requests - progress.requests_used
        if number > order.generations or left < 1:
            return None
        if number == 0:
            start = founder(order.pipeline)
            return Plan(0, (), (Measurement(start, min(_FOUNDER_RUNS, left)),)) if not progress.alive else None
        share = max(left // (order.generations - number + 1), 1)
        rng = random_of(order.seed, number)
        materials = Materials(self._providers, progress.alive)
        return plan_generation(
            number, progress.alive, habits_of(order), share, rng, materials=materials, known=progress.known
        )

    async def _close_generation(self, gathered: Gathering) -> None:
        self._gathering = None
        progress = self._progress
        if progress.generation < 0:
            progress = Progress(alive=(founder(self._order.pipeline),))
        self._progress = advanced(progress, gathered.plan, gathered.seen, self._order)
        if not await self._write():
            return
        self._brood.cull(self, (genome.id for genome in self._progress.alive))
        self._tell_state()
        await self._next_generation()

    async def _end(self, status: EvolutionStatus, reason: str | None) -> None:
        self._gathering = None
        self._brood.call_off()
        self._progress = ended(self._progress, status, reason)
        if await self._write():
            self._tell_state()
            self.stop()

    async def _write(self) -> bool:
        best = elites(self._progress.alive, 1, self._order.weights)
        try:
            await asyncio.to_thread(ledger.append, self._ledger, self._progress.lines, Turn(self._ledger))
            if best:
                text, turn = best_text(best[0], self._order), Turn(self._directory / ledger.BEST_FILE)
                await asyncio.to_thread(ledger.write_best, self._directory, text, turn)
        except LedgerError as error:
            self._end_unwritten(str(error))
            return False
        return True

    def _end_unwritten(self, reason: str) -> None:
        self._gathering = None
        self._brood.call_off()
        self._progress = ended(self._progress, "failed", reason)
        self._tell_state()
        self.stop()

    # ---- organisms ----------------------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        while self._gathering is not None:
            measurement = self._gathering.next_up(self._max_parallel)
            if measurement is None:
                return
            await self._set_running(measurement)

    async def _set_running(self, measurement: Measurement) -> None:
        gathering = self._gathering
        if gathering is None:
            return
        genome = measurement.genome
        try:
            await self._brood.evaluate(self, genome, gathering.missing(measurement))
        except KernelError as error:
            await self._retry(genome.id, f"{type(error).__name__}: {error}", final=False)

    async def _take(self, genome_id: str, index: int, observation: Observation) -> None:
        gathering = self._gathering
        if gathering is None or not gathering.take(genome_id, index, observation):
            return
        if gathering.complete:
            await self._close_generation(gathering)
        else:
            await self._dispatch()

    async def _retry(self, genome_id: str, reason: str, *, final: bool) -> None:
        gathering = self._gathering
        if gathering is None or genome_id not in gathering.running:
            return
        tries = gathering.failed_try(genome_id)
        if final:
            await self._end("stopped", reason)
        elif tries >= MAX_TRIES:
            await self._end("failed", f"runs cannot be made ({tries} tries): {reason}")
        else:
            self.tell_after(FIRST_RETRY_S * 2 ** (tries - 1), _TryAgain(genome_id))

    async def _dispatch_again(self, genome_id: str) -> None:
        gathering = self._gathering
        if gathering is not None and genome_id in gathering.running:
            await self._set_running(gathering.running[genome_id])

    async def _mourn(self, genome_id: str | None, reason: str) -> None:
        if genome_id is not None:
            await self._retry(genome_id, f"its organism ended: {reason}", final=False)

    # ---- what it tells ------------------------------------------------------------------------------------

    @property
    def _workspace(self) -> Path:
        return self._directory / "workspace"

    def _tell_state(self) -> None:
        state: EvolutionState = state_of(self._id, self._order, self._progress, str(self._directory))
        self.kernel.events.publish(state)
        desk = self.kernel.ref("breeding")
        if desk.is_alive():
            # A desk that is being restarted reads the ledger instead.
            desk.tell(state)
