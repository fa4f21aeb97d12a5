"""Which step waits for which.

References in templates, conditions, prompt parts and sources make the edges, with `depends_on`; some follow the order
of the text (`text_order`). Steps that share nothing run side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from pipelines.language.steps import BaseStep

from .names import inner_names, offered_names, written_variables
from .reading import Reference, references, referred_step
from .text_order import TextOrder


def build_graph(steps: Sequence[BaseStep]) -> dict[str, frozenset[str]]:
    """Step name -> names of the steps of the same list it waits for. A text that cannot be compiled adds nothing."""
    home = {name: step.name for step in steps for name in ({step.name} | offered_names(step))}
    variables: frozenset[str] = frozenset[str]().union(*(written_variables(step) for step in steps))
    order = TextOrder()
    graph: dict[str, frozenset[str]] = {}
    for step in steps:
        found, _ = references(step)
        inner = inner_names(step)
        waits = {home[name] for name in step.depends_on if name in home}
        waits |= {home[name] for each in found if (name := referred_step(each.path)) in home and name not in inner}
        shadowed = {str(each.path[0]) for each in found if str(each.path[0]) in home or str(each.path[0]) in inner}
        waits |= order.place(step, _read_variables(found, variables, shadowed))
        graph[step.name] = frozenset(waits)
    return graph


def find_cycle(graph: Mapping[str, Iterable[str]]) -> tuple[str, ...] | None:
    """One chain of steps that wait for each other, first name repeated at the end; None when there is none."""
    try:
        _sorter(graph).prepare()
    except CycleError as error:
        # graphlib's chain runs from what is waited for to who waits; ours says "a waits for b".
        return tuple(reversed(error.args[1]))
    return None


def waves(graph: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """The steps in rounds: each round waits only for earlier ones. In the order of the text within a round.

    Raises `ValueError` when the graph has a cycle.
    """
    sorter = _sorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(f"steps wait for each other: {', '.join(reversed(error.args[1]))}") from error
    place = {name: index for index, name in enumerate(graph)}
    rounds: list[tuple[str, ...]] = []
    while sorter.is_active():
        ready = tuple(sorted(sorter.get_ready(), key=place.__getitem__))
        rounds.append(ready)
        sorter.done(*ready)
    return tuple(rounds)


def _sorter(graph: Mapping[str, Iterable[str]]) -> TopologicalSorter[str]:
    # In a fixed order, so that the same text names the same chain; what is outside of the graph is no step here.
    return TopologicalSorter({name: sorted(each for each in waits if each in graph) for name, waits in graph.items()})


def _read_variables(found: Iterable[Reference], variables: frozenset[str], shadowing: set[str]) -> frozenset[str]:
    read: set[str] = set()
    for each in found:
        root = str(each.path[0])
        if root == "state":
            read |= {str(each.path[1])} if len(each.path) > 1 else variables
        elif root in variables and (root not in shadowing or each.kind == "source"):
            read.add(root)
    return frozenset(read)
