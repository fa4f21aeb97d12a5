"""What waits for one step of a pipeline, and what that is likely to cost: what a person lets go on by approving it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pipelines.language import Pipeline

from .estimates import Estimate
from .outline import inner_blocks, whole_outline

_INDEX: Final = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Following:
    """`steps` are the paths of what waits, the nearest block first, each in the order of the text. `cost_usd` is of
    those whose price is known, from the least to the most; `unpriced` are the others. `passes` names the loops around
    the step: their further passes are not counted."""

    steps: tuple[str, ...]
    cost_usd: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))
    unpriced: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()


def following(pipeline: Pipeline, key: str, found: Estimate) -> Following:
    """What waits for the step at the path `key` (as the journal has it: `each[0]/ask`), directly or through others, in
    its own block and in those around it; with its part of the pipeline's estimate `found`."""
    steps: list[tuple[str, ...]] = []
    passes: list[str] = []
    blocks, at = (whole_outline(pipeline),), ""
    for written in key.split("/"):
        name = _INDEX.sub("", written)
        block = next((each for each in blocks if name in each.by_name), None)
        if block is None:
            break
        if name != written:
            passes.append(f"{at}{name}")
        waiting = _dependents(block.graph, name)
        steps.append(tuple(f"{at}{each.name}" for each in block.steps if each.name in waiting))
        blocks, at = inner_blocks(block.by_name[name]), f"{at}{name}/"
    paths = tuple(path for block in reversed(steps) for path in block)
    costs = [each for each in found.steps if _is_of(each.step, paths)]
    priced = [each.cost_usd for each in costs if each.cost_usd is not None]
    low, high = (sum((pair[side] for pair in priced), Decimal(0)) for side in (0, 1))
    unpriced = tuple(dict.fromkeys(each.step for each in costs if each.cost_usd is None))
    return Following(paths, (low, high), unpriced, tuple(passes))


def _dependents(graph: Mapping[str, Iterable[str]], name: str) -> set[str]:
    """Those that wait for `name`, directly or through others."""
    found: set[str] = set()
    reached = {name}
    while reached:
        reached = {each for each, waits in graph.items() if each not in found and not reached.isdisjoint(waits)}
        found |= reached
    return found


def _is_of(step: str, paths: Iterable[str]) -> bool:
    """Whether an estimate's line is of one of these steps, of a question of it, or of a step inside."""
    return any(step == path or step.startswith((f"{path}/", f"{path}.")) for path in paths)
