"""The graph of a list of steps, in the form in which progress is counted: who waits for whom, and who for me."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pipelines.language import BaseStep, Pipeline, Step, dependencies


class Graph:
    """Immutable. `needs` says which steps each one waits for, `dependents` who waits for it, in textual order."""

    __slots__ = ("dependents", "first", "needs", "steps")

    def __init__(self, steps: tuple[Step, ...], edges: Mapping[str, frozenset[str]]) -> None:
        self.steps: Mapping[str, Step] = {step.name: step for step in steps}
        self.needs = edges
        dependents: dict[str, list[str]] = {name: [] for name in self.steps}
        for name in self.steps:
            for other in edges[name]:
                dependents[other].append(name)
        self.dependents: Mapping[str, tuple[str, ...]] = {name: tuple(each) for name, each in dependents.items()}
        self.first: tuple[str, ...] = tuple(name for name in self.steps if not edges[name])


def graph_of_body(step: BaseStep, body: int = 0) -> Graph:
    """The graph of one of the lists of steps that a step consists of."""
    return Graph(step.bodies()[body][1], dependencies(step, body))


def graph_of(pipeline: Pipeline) -> Graph:
    """The graph of a checked pipeline. The same content is worked out once, however many runs it has."""
    return _cached(_ByContent(pipeline))


def graph_of_finally(pipeline: Pipeline) -> Graph | None:
    """The graph of its `finally` steps; None when it has none."""
    return Graph(pipeline.finally_, pipeline.finally_graph) if pipeline.finally_ else None


class _ByContent:
    """A pipeline compared by its content hash, because its own comparison would walk the whole definition."""

    __slots__ = ("hash", "pipeline")

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.hash = pipeline.content_hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByContent) and other.hash == self.hash


@lru_cache(maxsize=512)
def _cached(key: _ByContent) -> Graph:
    return Graph(key.pipeline.steps, dependencies(key.pipeline))
