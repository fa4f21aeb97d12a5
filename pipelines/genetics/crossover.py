"""Crossover: the first parent with some of its steps as the second has them."""

from __future__ import annotations

import copy
import random
from typing import Any

from pipelines.genetics.descent import Definition, child, legal_child
from pipelines.genetics.genome import Genome
from pipelines.language import Pipeline, to_data


def crossover(first: Genome, second: Genome, rng: random.Random) -> Genome:
    """Takes each shared step from either parent with equal chance -> a child of the first's order and contract.

    A step that would not fit (it reads one the first does not have, or closes a circle) stays the first's. Parents that
    share nothing different give the first itself.
    """
    own = to_data(first.pipeline)
    other: dict[str, Any] = {str(step["name"]): step for step in _steps(to_data(second.pipeline))}
    differing = [
        index for index, step in enumerate(_steps(own)) if step["name"] in other and other[step["name"]] != step
    ]
    chosen = [index for index in differing if rng.random() < 0.5]
    if not chosen and differing:
        chosen = [differing[rng.randrange(len(differing))]]
    pipeline, taken = _take(own, other, chosen, first.pipeline)
    if pipeline is None:
        return first
    return child(pipeline, (first, second), f"crossover: {' '.join(taken)} of {second.id[:12]}")


def _take(
    own: Definition, other: dict[str, Any], chosen: list[int], parent: Pipeline
) -> tuple[Pipeline | None, list[str]]:
    together = _replaced(own, other, chosen)
    whole = legal_child(together, parent)
    if whole is not None or len(chosen) < 2:
        return whole, [str(own["steps"][index]["name"]) for index in chosen]
    result: Pipeline | None = None
    taken: list[str] = []
    for index in chosen:
        candidate = _replaced(own, other, [index])
        pipeline = legal_child(candidate, parent)
        if pipeline is not None:
            own, result = candidate, pipeline
            taken.append(str(own["steps"][index]["name"]))
    return result, taken


def _replaced(own: Definition, other: dict[str, Any], indexes: list[int]) -> Definition:
    changed = copy.deepcopy(own)
    for index in indexes:
        changed["steps"][index] = copy.deepcopy(other[changed["steps"][index]["name"]])
    return changed


def _steps(definition: Definition) -> list[Definition]:
    return definition["steps"]
