"""Who breeds and who stays: Thompson tournaments for parents, lower bounds for elites. Ties go to the smaller id."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pipelines.genetics.fitness import Fitness, Weights
from pipelines.genetics.genome import Genome


def thompson_draw(fitness: Fitness, weights: Weights, rng: random.Random) -> float:
    """One plausible value of the scalar fitness: wide for what was measured little."""
    estimate = fitness.estimate(weights)
    return rng.gauss(estimate.mean, estimate.error)


def tournament(genomes: Sequence[Genome], size: int, weights: Weights, rng: random.Random) -> Genome:
    """The best Thompson draw among `size` genomes drawn with replacement. `genomes` must not be empty."""
    entrants = [genomes[rng.randrange(len(genomes))] for _ in range(max(size, 1))]
    draws = [(thompson_draw(each.fitness, weights, rng), each) for each in entrants]
    return max(draws, key=lambda pair: pair[0])[1]


def contenders(genomes: Sequence[Genome], count: int, weights: Weights, rng: random.Random) -> tuple[Genome, ...]:
    """`count` genomes to be measured again: each the winner of a Thompson draw over all. One may come up often."""
    if not genomes:
        return ()
    return tuple(
        max(((thompson_draw(each.fitness, weights, rng), each) for each in genomes), key=lambda pair: pair[0])[1]
        for _ in range(count)
    )


def elites(genomes: Sequence[Genome], count: int, weights: Weights) -> tuple[Genome, ...]:
    """The `count` best by lower bound, best first."""

    def order(genome: Genome) -> tuple[float, str]:
        return (-genome.fitness.estimate(weights).lower_bound, genome.id)

    return tuple(sorted(genomes, key=order)[:count])
