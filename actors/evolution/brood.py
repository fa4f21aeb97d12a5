"""The organisms of one chamber that are alive: started, watched, culled, and called off."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from actors.evolution.messages import CALLED_OFF, Cull, Evaluate, Evolve
from actors.evolution.organism import Organism
from actors.kernel import Actor, ActorRef, ChildSpec, MonitorRef, StartChild
from pipelines.genetics import Genome

START_TIMEOUT_S = 30.0


class Brood:
    """Part of a chamber, used by it alone. `organisms` is the DynamicSupervisor that starts them."""

    def __init__(
        self, evolution_id: str, order: Evolve, workspace: Path, organisms: ActorRef[Any], run_timeout_s: float
    ) -> None:
        self._id = evolution_id
        self._order = order
        self._workspace = workspace
        self._organisms = organisms
        self._run_timeout_s = run_timeout_s
        self._living: dict[str, ActorRef[Any]] = {}
        self._watched: dict[MonitorRef, str] = {}

    async def evaluate(self, chamber: Actor, genome: Genome, indexes: tuple[int, ...]) -> None:
        """Tells the genome's organism to run itself, after starting it where there is none. Raises `KernelError`."""
        organism = self._living.get(genome.id) or await self._bring_to_life(chamber, genome)
        organism.tell(Evaluate(indexes))

    async def _bring_to_life(self, chamber: Actor, genome: Genome) -> ActorRef[Any]:
        spec = ChildSpec(
            id=genome.id,
            actor_class=Organism,
            args=(self._id, genome, chamber.ref),
            kwargs={
                "inputs": self._order.inputs,
                "provider_routes": self._order.provider_routes,
                "workspace": self._workspace,
                "run_timeout_s": self._run_timeout_s,
                "tenant": self._order.tenant,
            },
            restart="temporary",
        )
        organism: ActorRef[Any] = await self._organisms.call(StartChild(spec), timeout_s=START_TIMEOUT_S)
        self._living[genome.id] = organism
        self._watched[chamber.monitor(organism)] = genome.id
        return organism

    def ended(self, monitor: MonitorRef) -> str | None:
        """Takes note of an organism's end; the id of its genome, None for one that is not waited for."""
        genome_id = self._watched.pop(monitor, None)
        if genome_id is not None:
            self._living.pop(genome_id, None)
        return genome_id

    def cull(self, chamber: Actor, kept: Iterable[str]) -> None:
        """Ends the organisms of all genomes but the `kept` ones."""
        staying = set(kept)
        for genome_id in [each for each in self._living if each not in staying]:
            organism = self._living.pop(genome_id)
            for monitor in [m for m, watched in self._watched.items() if watched == genome_id]:
                chamber.demonitor(monitor)
                del self._watched[monitor]
            if organism.is_alive():
                organism.tell(Cull())

    def call_off(self) -> None:
        """Ends all organisms, and with them the runs that they have in flight."""
        for organism in self._living.values():
            organism.exit(CALLED_OFF)
