"""A genome: a pipeline's definition with its descent. The definition is the material; all else is read from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from pipelines.genetics.fitness import UNMEASURED, Fitness
from pipelines.language import BaseStep, ParallelClaudeStep, Pipeline, PromptStep, waves

PROVIDER_TYPES = frozenset({"claude", "claude_smart", "claude_extract", "parallel_claude", "gemini"})


@dataclass(frozen=True, slots=True)
class Chromosomes:
    """The mission's three views of the material.

    `step_sequences` is (step, type) in the order of the text, `provider_mappings` step -> provider or "" (by route),
    `prompt_patterns` step -> prompt text. Sub-steps of loops are named `loop/step`, parallel tasks `step:task`.
    """

    step_sequences: tuple[tuple[str, str], ...]
    provider_mappings: Mapping[str, str]
    prompt_patterns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Traits:
    """The mission's inheritable characteristics, as the definition shows them."""

    performance_profile: str
    error_handling_strategy: str
    optimization_preferences: tuple[str, ...]


@dataclass(frozen=True)
class Genome:
    """One candidate. `parents` are ids (none for a founder), `mutations` what made it from them, oldest first.

    `fitness` is what has been measured so far. Genomes of the same id are the same individual.
    """

    pipeline: Pipeline
    generation: int = 0
    parents: tuple[str, ...] = ()
    mutations: tuple[str, ...] = ()
    fitness: Fitness = UNMEASURED

    @property
    def id(self) -> str:
        """The content hash of the definition."""
        return self.pipeline.content_hash

    @cached_property
    def chromosomes(self) -> Chromosomes:
        """See `Chromosomes`."""
        steps = dict(walk(self.pipeline))
        prompts: dict[str, str] = {}
        for key, step in steps.items():
            if isinstance(step, PromptStep):
                prompts[key] = step.prompt
            elif isinstance(step, ParallelClaudeStep):
                prompts |= {f"{key}:{task.id}": task.prompt for task in step.parallel_tasks}
        return Chromosomes(
            step_sequences=tuple((key, type_of(step)) for key, step in steps.items()),
            provider_mappings={key: s.provider or "" for key, s in steps.items() if type_of(s) in PROVIDER_TYPES},
            prompt_patterns=prompts,
        )

    @cached_property
    def traits(self) -> Traits:
        """See `Traits`."""
        steps = [step for _, step in walk(self.pipeline)]
        asking = [step for step in steps if type_of(step) in PROVIDER_TYPES]
        rounds = waves(self.pipeline.dependency_graph)
        widest = max(len(each) for each in rounds)
        attempts = sum(step.retry.max_attempts for step in asking) / len(asking) if asking else 1.0
        preferences: list[str] = []
        if any(getattr(step, "max_tokens", None) is not None for step in asking):
            preferences.append("tokens")
        if widest > 1:
            preferences.append("speed")
        if any(getattr(step, "output_schema", None) is not None for step in asking):
            preferences.append("structure")
        return Traits(
            performance_profile="parallel" if widest > 1 else "sequential",
            error_handling_strategy="retry" if attempts > 1 else "fail_fast",
            optimization_preferences=tuple(preferences),
        )

    def measured(self, fitness: Fitness) -> Genome:
        """The same genome with what is now known of it."""
        return replace(self, fitness=fitness)


def founder(pipeline: Pipeline) -> Genome:
    """The genome an evolution starts from."""
    return Genome(pipeline)


def walk(pipeline: Pipeline) -> Iterator[tuple[str, BaseStep]]:
    """All steps of a pipeline with those inside its loops and switches, in the order of the text, by their keys."""

    def inside(steps: tuple[Any, ...], prefix: str) -> Iterator[tuple[str, BaseStep]]:
        for step in cast("tuple[BaseStep, ...]", steps):
            yield prefix + step.name, step
            for _, inner in step.bodies():
                yield from inside(inner, f"{prefix}{step.name}/")

    yield from inside(pipeline.all_steps, "")


def type_of(step: BaseStep) -> str:
    """The step's `type`."""
    return str(getattr(step, "type", ""))
