"""Genomes and what happens to them: mutation, crossover, measuring, selection, breeding. Pure."""

from pipelines.genetics.breeding import Habits, Measurement, Plan, plan_generation, random_of, survivors
from pipelines.genetics.crossover import crossover
from pipelines.genetics.descent import Materials, Operator
from pipelines.genetics.fitness import OBJECTIVES, WORST, Estimate, Fitness, Moments, Sample, Weights
from pipelines.genetics.genome import PROVIDER_TYPES, Chromosomes, Genome, Traits, founder
from pipelines.genetics.measuring import (
    RATES,
    Observation,
    Rates,
    Reference,
    measure,
    modelled_seconds,
    refer_to,
    token_count,
)
from pipelines.genetics.operators import (
    FEATURE_INSERTION,
    OPERATORS,
    PROMPT_EVOLUTION,
    PROVIDER_OPTIMIZATION,
    SEQUENCE_RESHUFFLING,
    STEP_MUTATION,
)
from pipelines.genetics.rerouting import rerouted
from pipelines.genetics.selection import contenders, elites, thompson_draw, tournament

__all__ = [
    "FEATURE_INSERTION",
    "OBJECTIVES",
    "OPERATORS",
    "PROMPT_EVOLUTION",
    "PROVIDER_OPTIMIZATION",
    "PROVIDER_TYPES",
    "RATES",
    "SEQUENCE_RESHUFFLING",
    "STEP_MUTATION",
    "WORST",
    "Chromosomes",
    "Estimate",
    "Fitness",
    "Genome",
    "Habits",
    "Materials",
    "Measurement",
    "Moments",
    "Observation",
    "Operator",
    "Plan",
    "Rates",
    "Reference",
    "Sample",
    "Traits",
    "Weights",
    "contenders",
    "crossover",
    "elites",
    "founder",
    "measure",
    "modelled_seconds",
    "plan_generation",
    "random_of",
    "refer_to",
    "rerouted",
    "survivors",
    "thompson_draw",
    "token_count",
    "tournament",
]
