"""One generation as pure decisions: who breeds, what is measured how often, who stays."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pipelines.genetics.crossover import crossover
from pipelines.genetics.descent import Materials
from pipelines.genetics.fitness import Weights
from pipelines.genetics.genome import Genome
from pipelines.genetics.operators import OPERATORS
from pipelines.genetics.selection import contenders, elites, tournament

_REMEASURED_SHARE: Final = 0.2
_RUNS_PER_CHILD: Final = 2
_TRIES_PER_CHILD: Final = 5


@dataclass(frozen=True, slots=True)
class Habits:
    """How a population breeds. The rates and their names are the mission's; sizes must be at least 1."""

    population: int = 8
    elite: int = 1
    crossover_rate: float = 0.7
    mutation_rate: float = 0.1
    tournament: int = 3
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        if self.population < 2 or not 1 <= self.elite < self.population or self.tournament < 1:
            raise ValueError("a population needs at least 2, its elite at least 1 and fewer than all")
        if not (0 <= self.crossover_rate <= 1 and 0 <= self.mutation_rate <= 1):
            raise ValueError("rates are between 0 and 1")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A genome to be run `runs` times."""

    genome: Genome
    runs: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One generation: `children` are new, `measurements` say what is run, in the order samples are applied."""

    generation: int
    children: tuple[Genome, ...]
    measurements: tuple[Measurement, ...]

    @property
    def requests(self) -> int:
        """How many pipeline runs it costs."""
        return sum(each.runs for each in self.measurements)


def random_of(seed: int, generation: int) -> random.Random:
    """The chance of one generation: known from the seed alone, so that a restart repeats it."""
    return random.Random(f"{seed}:{generation}")


def plan_generation(
    generation: int,
    alive: Sequence[Genome],
    habits: Habits,
    requests: int,
    rng: random.Random,
    *,
    materials: Materials,
    known: frozenset[str] = frozenset(),
) -> Plan:
    """Children and measurements for at most `requests` runs.

    Each child is run twice (once where there is less), and about a fifth of the requests measure the leaders again. A
    child that is already `known` (alive or culled) is not a new individual and is bred again, a few times.
    """
    again = min(int(requests * _REMEASURED_SHARE), habits.population)
    runs = _RUNS_PER_CHILD if requests - again >= _RUNS_PER_CHILD else 1
    wanted = min(habits.population - habits.elite, (requests - again) // runs)
    taken = set(known) | {genome.id for genome in alive}
    children: list[Genome] = []
    for _ in range(wanted):
        born = _new_child(alive, habits, rng, materials, taken)
        if born is not None:
            taken.add(born.id)
            children.append(replace(born, generation=generation))
    leaders = contenders(alive, min(again, requests - runs * len(children)), habits.weights, rng)
    counts: dict[str, int] = {}
    for genome in leaders:
        counts[genome.id] = counts.get(genome.id, 0) + 1
    by_id = {genome.id: genome for genome in alive}
    measured = [Measurement(each, runs) for each in children]
    measured += [Measurement(by_id[genome_id], counts[genome_id]) for genome_id in sorted(counts)]
    return Plan(generation, tuple(children), tuple(measured))


def survivors(alive: Sequence[Genome], habits: Habits) -> tuple[Genome, ...]:
    """Who stays, best first: the population's size of the best by lower bound. The founder has no privilege."""
    return elites(alive, habits.population, habits.weights)


def _new_child(
    alive: Sequence[Genome], habits: Habits, rng: random.Random, materials: Materials, taken: set[str]
) -> Genome | None:
    for _ in range(_TRIES_PER_CHILD):
        parent = tournament(alive, habits.tournament, habits.weights, rng)
        born = parent
        if rng.random() < habits.crossover_rate:
            mate = tournament(alive, habits.tournament, habits.weights, rng)
            born = crossover(parent, mate, rng)
        if rng.random() < habits.mutation_rate or born.id in taken:
            born = _mutated(born, rng, materials)
        if born.id not in taken:
            return born
    return None


def _mutated(genome: Genome, rng: random.Random, materials: Materials) -> Genome:
    names = list(OPERATORS)
    for name in rng.sample(names, len(names)):
        mutant = OPERATORS[name](genome, rng, materials)
        if mutant.id != genome.id:
            return mutant
    return genome
