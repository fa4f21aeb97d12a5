"""How an edited definition becomes a child: only if it is a valid pipeline that still keeps its parent's contract."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pipelines.genetics.genome import Genome
from pipelines.language import InvalidPipelineError, Pipeline, build_pipeline, to_data

Definition = dict[str, Any]
Edit = tuple[str, Definition]

T = TypeVar("T")

MAX_STEPS: Final = 200
MAX_MUTATIONS_KEPT: Final = 100
_MAX_EDITS_TRIED: Final = 40


@dataclass(frozen=True, slots=True)
class Materials:
    """What operators may take from outside the genome: providers that are configured, genomes to take features from."""

    providers: tuple[str, ...] = ("anthropic", "gemini", "offline")
    donors: tuple[Genome, ...] = field(default_factory=tuple[Genome, ...])


Edits = Callable[[Definition, random.Random, Materials], Iterator[Edit]]


@dataclass(frozen=True, slots=True)
class Operator:
    """A mutation: `edits` offers changed definitions in random order, and the first that is a legal child is taken.

    Called with the same genome and the same random state it gives the same child. Where nothing can be changed it gives
    the genome itself.
    """

    name: str
    edits: Edits

    def __call__(self, genome: Genome, rng: random.Random, materials: Materials | None = None) -> Genome:
        definition = to_data(genome.pipeline)
        offered = self.edits(definition, rng, materials or Materials())
        for _, (detail, changed) in zip(range(_MAX_EDITS_TRIED), offered, strict=False):
            pipeline = legal_child(changed, genome.pipeline)
            if pipeline is not None:
                return child(pipeline, (genome,), f"{self.name}: {detail}")
        return genome


def legal_child(definition: Definition, parent: Pipeline) -> Pipeline | None:
    """The pipeline, when it is valid, differs from its parent, needs no new input and declares the same outputs."""
    if len(definition.get("steps", ())) > MAX_STEPS:
        return None
    try:
        pipeline = build_pipeline(definition)
    except InvalidPipelineError:
        return None
    same_contract = set(pipeline.required_inputs) <= set(parent.required_inputs) and pipeline.outputs == parent.outputs
    keeps_names = {step.name for step in parent.steps} <= {step.name for step in pipeline.steps}
    if not same_contract or not keeps_names or pipeline.content_hash == parent.content_hash:
        return None
    return pipeline


def child(pipeline: Pipeline, parents: tuple[Genome, ...], mutation: str) -> Genome:
    """A genome of the next generation, not measured yet."""
    history = (*parents[0].mutations, mutation)[-MAX_MUTATIONS_KEPT:]
    return Genome(
        pipeline=pipeline,
        generation=max(parent.generation for parent in parents) + 1,
        parents=tuple(parent.id for parent in parents),
        mutations=history,
    )


def edited(definition: Definition, path: tuple[str | int, ...], changes: Mapping[str, Any]) -> Definition:
    """A copy with the step at `path` changed; a value of None removes the key."""
    changed = copy.deepcopy(definition)
    step: Any = changed
    for part in path:
        step = step[part]
    for key, value in changes.items():
        if value is None:
            step.pop(key, None)
        else:
            step[key] = value
    return changed


def steps_in(definition: Definition, types: frozenset[str]) -> list[tuple[tuple[str | int, ...], Definition]]:
    """Path and map of every step of these types, those inside loops too, in the order of the text."""
    found: list[tuple[tuple[str | int, ...], Definition]] = []

    def look(steps: list[Definition], at: tuple[str | int, ...]) -> None:
        for index, step in enumerate(steps):
            if step["type"] in types:
                found.append(((*at, index), step))
            if step["type"] == "for_loop":
                look(step["steps"], (*at, index, "steps"))

    look(definition["steps"], ("steps",))
    return found


def shuffled(items: list[T], rng: random.Random) -> list[T]:
    """A new list in random order."""
    return rng.sample(items, len(items))
