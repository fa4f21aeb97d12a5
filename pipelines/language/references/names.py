"""The names steps give: to each other, to what stands inside of them, and those a run must bring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipelines.language.scope import ROOTS
from pipelines.language.steps import ARGUMENTS, BaseStep, FunctionsStep, SetVariableStep, SwitchStep

from .reading import references


def written_variables(step: BaseStep) -> frozenset[str]:
    """Names of state variables the step (or a step inside of it) sets."""
    if isinstance(step, SetVariableStep):
        return frozenset(step.variables)
    written: frozenset[str] = frozenset()
    for _, steps in step.bodies():
        for each in steps:
            written |= written_variables(each)
    return written


def inner_names(step: BaseStep) -> frozenset[str]:
    """Names that exist only inside the step: its iterator and its sub-steps, at any depth."""
    if isinstance(step, FunctionsStep) and step.all_functions:
        return frozenset({ARGUMENTS})
    inside = (each for _, steps in step.bodies() for each in steps)
    return step.local_names.union(*({each.name} | inner_names(each) for each in inside))


def offered_names(step: BaseStep) -> frozenset[str]:
    """Names of sub-steps that later steps may refer to as if they stood beside `step`: those of a switch."""
    if not isinstance(step, SwitchStep):
        return frozenset()
    inside = (each for _, steps in step.bodies() for each in steps)
    return frozenset[str]().union(*({each.name} | offered_names(each) for each in inside))


def visible_names(steps: Iterable[BaseStep]) -> frozenset[str]:
    """What steps of one list may call each other, with what their switches offer."""
    return frozenset[str]().union(*({each.name} | offered_names(each) for each in steps))


def free_names(steps: Sequence[BaseStep], known: frozenset[str], inputs: frozenset[str]) -> tuple[str, ...]:
    """Names templates use that no step, loop, variable or declared input gives: the run must be given them."""
    names = visible_names(steps) | known
    free: dict[str, None] = {}
    for step in steps:
        inner = inner_names(step)
        for each in references(step)[0]:
            root = str(each.path[0])
            if root == "inputs" and len(each.path) > 1:
                if str(each.path[1]) not in inputs:
                    free[str(each.path[1])] = None
            elif each.kind == "template" and root not in ROOTS and not (root in names or root in inner):
                free[root] = None
    return tuple(free)


def input_names(steps: Sequence[BaseStep]) -> frozenset[str]:
    """Names that are read as `inputs.x` somewhere."""
    return frozenset(
        str(each.path[1])
        for step in steps
        for each in references(step)[0]
        if each.path[0] == "inputs" and len(each.path) > 1
    )
