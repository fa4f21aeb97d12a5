"""The breeding chamber: one evolution as a population of organisms that live, run, breed and are culled by messages.

What is decided is decided by pure functions over `Progress`; the chamber starts organisms, tells them to run, gathers
what they say and writes the ledger. Samples are applied in the plan's order, whenever they arrive, so that one run
at a time and sixteen give the same ledger.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors.evolution import ledger
from actors.evolution.errors import LedgerError
from actors.evolution.messages import (
    Cull,
    Evaluate,
    EvolutionState,
    EvolutionStatus,
    Evolve,
    Sampled,
    Unsampled,
)
from actors.evolution.organism import Organism
from actors.evolution.progress import Progress, advanced, best_text, ended, habits_of, opening, replayed, state_of
from actors.kernel import Actor, ActorRef, ChildSpec, Down, KernelError, MonitorRef, StartChild
from pipelines.genetics import (
    Genome,
    Materials,
    Measurement,
    Observation,
    Plan,
    elites,
    founder,
    plan_generation,
    random_of,
)

START_TIMEOUT_S = 30.0
MAX_TRIES = 5
FIRST_RETRY_S = 0.5
_FOUNDER_RUNS = 2


@dataclass(frozen=True, slots=True)
class _Begin:
    """To itself, so that starting a chamber waits for no disk."""


@dataclass(frozen=True, slots=True)
class _TryAgain:
    genome_id: str


@dataclass(slots=True)
class _Gathering:
    """A generation under way: what is still to be run and what has been seen."""

    plan: Plan
    waiting: list[Measurement]
    running: dict[str, Measurement] = field(default_factory=dict[str, Measurement])
    seen: dict[tuple[str, int], Observation] = field(default_factory=dict[tuple[str, int], Observation])
    tries: dict[str, int] = field(default_factory=dict[str, int])

    def missing(self, measurement: Measurement) -> tuple[int, ...]:
        """The samples of a measurement that have not come yet."""
        genome = measurement.genome
        first = genome.fitness.n
        return tuple(i for i in range(first, first + measurement.runs) if (genome.id, i) not in self.seen)


class BreedingChamber(Actor):
    """Runs one evolution from its ledger's last generation to its end, then ends itself normally.

    `organisms` is the DynamicSupervisor for its organisms; `max_parallel` bounds how many run at a time. Each
    generation is synced to the ledger before the next begins, so a restart repeats at most one, with the same runs.
    What stops runs in general (no dispatcher, no room) is tried again and then fails the evolution: it is not
    held against a genome. A ledger that cannot be written fails the evolution too. Tells "breeding" its state and
    publishes it after each generation.
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
    ) -> None:
        super().__init__()
        self._id = evolution_id
        self._order = order
        self._directory = Path(directory)
        self._ledger = self._directory / ledger.LEDGER_FILE
        self._organisms = organisms
        self._providers = providers
        self._max_parallel = max_parallel
        self._run_timeout_s = run_timeout_s
        self._progress = Progress()
        self._gathering: _Gathering | None = None
        self._living: dict[str, ActorRef[Any]] = {}
        self._watched: dict[MonitorRef, str] = {}

    def on_start(self) -> None:
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
                await self._mourn(self._watched.pop(monitor, ""), str(reason))
            case _:
                return super().on_receive(message)
        return None

    # ---- generations --------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        try:
            lines = await asyncio.to_thread(ledger.recover, self._ledger)
            if lines:
                _, _, self._progress = replayed(lines)
            else:
                await asyncio.to_thread(ledger.append, self._ledger, [opening(self._id, self._order)])
            await asyncio.to_thread(self._workspace.mkdir, 0o700, parents=True, exist_ok=True)
        except (LedgerError, OSError) as error:
            self._end_unwritten(str(error))
            return
        if self._progress.status != "running":
            self._tell_state()
            self.stop()
            return
        await self._next_generation()

    async def _next_generation(self) -> None:
        plan = self._plan()
        if plan is None or not plan.measurements:
            used_up = self._progress.generation < self._order.generations
            reason = f"the budget of {self._order.budget_requests} requests is used up" if used_up else None
            await self._end("succeeded", reason)
            return
        self._gathering = _Gathering(plan, list(plan.measurements))
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

    async def _close_generation(self, gathered: _Gathering) -> None:
        self._gathering = None
        progress = self._progress
        if progress.generation < 0:
            progress = Progress(alive=(founder(self._order.pipeline),))
        self._progress = advanced(progress, gathered.plan, gathered.seen, self._order)
        if not await self._write():
            return
        self._cull()
        self._tell_state()
        await self._next_generation()

    async def _end(self, status: EvolutionStatus, reason: str | None) -> None:
        self._gathering = None
        self._progress = ended(self._progress, status, reason)
        if await self._write():
            self._tell_state()
            self.stop()

    async def _write(self) -> bool:
        best = elites(self._progress.alive, 1, self._order.weights)
        try:
            await asyncio.to_thread(ledger.append, self._ledger, self._progress.lines)
            if best:
                await asyncio.to_thread(ledger.write_best, self._directory, best_text(best[0], self._order))
        except LedgerError as error:
            self._end_unwritten(str(error))
            return False
        return True

    def _end_unwritten(self, reason: str) -> None:
        self._gathering = None
        self._progress = ended(self._progress, "failed", reason)
        self._tell_state()
        self.stop()

    # ---- organisms ----------------------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        gathering = self._gathering
        while gathering is not None and gathering.waiting and len(gathering.running) < self._max_parallel:
            measurement = gathering.waiting.pop(0)
            gathering.running[measurement.genome.id] = measurement
            await self._set_running(measurement)

    async def _set_running(self, measurement: Measurement) -> None:
        gathering = self._gathering
        if gathering is None:
            return
        try:
            organism = self._living.get(measurement.genome.id) or await self._bring_to_life(measurement.genome)
            organism.tell(Evaluate(gathering.missing(measurement)))
        except KernelError as error:
            await self._retry(measurement.genome.id, f"{type(error).__name__}: {error}", final=False)

    async def _bring_to_life(self, genome: Genome) -> ActorRef[Any]:
        spec = ChildSpec(
            id=genome.id,
            actor_class=Organism,
            args=(self._id, genome, self.ref),
            kwargs={
                "inputs": self._order.inputs,
                "provider_routes": self._order.provider_routes,
                "workspace": self._workspace,
                "run_timeout_s": self._run_timeout_s,
            },
            restart="temporary",
        )
        organism: ActorRef[Any] = await self._organisms.call(StartChild(spec), timeout_s=START_TIMEOUT_S)
        self._living[genome.id] = organism
        self._watched[self.monitor(organism)] = genome.id
        return organism

    async def _take(self, genome_id: str, index: int, observation: Observation) -> None:
        gathering = self._gathering
        if gathering is None or genome_id not in gathering.running:
            return
        measurement = gathering.running[genome_id]
        gathering.seen.setdefault((genome_id, index), observation)
        if gathering.missing(measurement):
            return
        del gathering.running[genome_id]
        if gathering.waiting:
            await self._dispatch()
        elif not gathering.running:
            await self._close_generation(gathering)

    async def _retry(self, genome_id: str, reason: str, *, final: bool) -> None:
        gathering = self._gathering
        if gathering is None or genome_id not in gathering.running:
            return
        tries = gathering.tries[genome_id] = gathering.tries.get(genome_id, 0) + 1
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

    async def _mourn(self, genome_id: str, reason: str) -> None:
        self._living.pop(genome_id, None)
        await self._retry(genome_id, f"its organism ended: {reason}", final=False)

    def _cull(self) -> None:
        kept = {genome.id for genome in self._progress.alive}
        for genome_id in [each for each in self._living if each not in kept]:
            organism = self._living.pop(genome_id)
            for monitor in [m for m, watched in self._watched.items() if watched == genome_id]:
                self.demonitor(monitor)
                del self._watched[monitor]
            if organism.is_alive():
                organism.tell(Cull())

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
