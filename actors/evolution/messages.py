"""What is said in evolution: to the desk ("breeding"), between chamber and organisms, and to the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import JsonValue

from actors.kernel import Shutdown
from pipelines.genetics import Observation, Weights
from pipelines.guardrails import Subject, Switch
from pipelines.language import Pipeline

OFFLINE_ROUTES: Final[Mapping[str, str]] = {"claude": "offline", "gemini": "offline"}

EvolutionStatus = Literal["running", "succeeded", "failed", "cancelled", "stopped"]
ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "stopped"})


@dataclass(frozen=True, slots=True)
class Evolve:
    """Asks for an evolution of `pipeline` -> its id, once its chamber has started.

    A request of `budget_requests` is one pipeline run. `provider_routes` force every step's provider; the default
    spends nothing. With an empty map steps go where their definitions and the node's routes say, at real cost. The same
    order, id included, gives the same ledger when the providers answer the same. `tenant` is the user who asked for it.
    Fails with `InvalidInputsError`, `InvalidOrderError`, `TooManyEvolutionsError`, `EvolutionSwitchedOffError` or
    `EvolutionNotStartedError`.
    """

    pipeline: Pipeline
    inputs: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    generations: int = 3
    budget_requests: int = 200
    population: int = 8
    seed: int = 0
    weights: Weights = field(default_factory=Weights)
    provider_routes: Mapping[str, str] = field(default_factory=lambda: dict(OFFLINE_ROUTES))
    evolution_id: str | None = None
    tenant: str = ""

    @property
    def subject(self) -> Subject:
        """What kill switches know it and its runs by."""
        return Subject(self.tenant, evolution=True)


@dataclass(frozen=True, slots=True)
class AwaitEvolution:
    """Waits for the end -> EvolutionState. Fails with `EvolutionStillRunningError` after `timeout_s`, or
    `NoSuchEvolutionError`. Call it with a longer timeout."""

    evolution_id: str
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class GetEvolution:
    """Asks how far it is -> EvolutionState. Fails with `NoSuchEvolutionError`."""

    evolution_id: str


@dataclass(frozen=True, slots=True)
class ListEvolutions:
    """Asks for all the desk knows -> tuple[EvolutionState, ...], newest last."""


@dataclass(frozen=True, slots=True)
class CancelEvolution:
    """Ends it; what was measured and the best so far are kept -> EvolutionState. Fails with `NoSuchEvolutionError`."""

    evolution_id: str


@dataclass(frozen=True, slots=True)
class EvolutionsUnder:
    """Asks which live evolutions this kill switch would end -> tuple[str, ...]: their ids."""

    switch: Switch


@dataclass(frozen=True, slots=True)
class EvolutionState:
    """How far an evolution is. Told by the chamber after each generation, and an event on the kernel's bus.

    `generation` is the last that is complete, -1 before the first; generation 0 measures the founder. `best_fitness`
    is the weighted mean, `best_error` its standard error, `best_objectives` the four means. `reason` says why it ended
    other than by its generations.
    """

    evolution_id: str
    pipeline_name: str
    status: EvolutionStatus
    generations: int
    budget_requests: int
    generation: int = -1
    requests_used: int = 0
    alive: int = 0
    best_id: str | None = None
    best_fitness: float | None = None
    best_error: float | None = None
    best_objectives: Mapping[str, float] = field(default_factory=dict[str, float])
    founder_fitness: float | None = None
    best_yaml: str | None = None
    directory: str = ""
    tenant: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluate:
    """To an organism: run yourself for the samples `indexes`, one after another."""

    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sampled:
    """From an organism: one run has finished, in whatever way."""

    genome_id: str
    index: int
    observation: Observation


@dataclass(frozen=True, slots=True)
class Unsampled:
    """From an organism: no run could be made, and not for the genome's sake. `final`: it is no use to try again."""

    genome_id: str
    reason: str
    final: bool


@dataclass(frozen=True, slots=True)
class Cull:
    """To an organism: your place is taken; end."""


@dataclass(frozen=True, slots=True)
class CallOff:
    """To a chamber: nobody wants this evolution any more. Ends its organisms with their runs -> None; the chamber
    begins nothing more and waits to be terminated."""


CALLED_OFF: Final = Shutdown("the evolution was called off")
"""The exit reason with which an organism takes its run in flight along. After any other end its successor goes on
with that run."""
