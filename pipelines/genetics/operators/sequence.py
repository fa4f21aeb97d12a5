"""Sequence reshuffling: the steps in another order that keeps every dependency.

The engine starts steps by the graph; the order of the text decides between steps that are ready at the same time, and
breeding keeps it as part of the material.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from pipelines.genetics.descent import Definition, Edit, Materials, Operator
from pipelines.language import build_pipeline

_TRIES: Final = 8


def _edits(definition: Definition, rng: random.Random, _materials: Materials) -> Iterator[Edit]:
    steps: dict[str, Any] = {step["name"]: step for step in definition["steps"]}
    graph = build_pipeline(definition).dependency_graph
    for _ in range(_TRIES):
        order = _linear_extension({name: set(waits) for name, waits in graph.items()}, rng)
        if order == list(steps):
            continue
        changed = {**definition, "steps": [steps[name] for name in order]}
        # Variables and files are ordered by the text: the graph must have stayed the same.
        if build_pipeline(changed).dependency_graph == graph:
            yield " ".join(order), changed


def _linear_extension(waits: dict[str, set[str]], rng: random.Random) -> list[str]:
    order: list[str] = []
    while waits:
        ready = [name for name, others in waits.items() if not others]
        chosen = ready[rng.randrange(len(ready))]
        order.append(chosen)
        del waits[chosen]
        for others in waits.values():
            others.discard(chosen)
    return order


SEQUENCE_RESHUFFLING: Final = Operator("sequence", _edits)
