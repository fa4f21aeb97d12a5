"""Provider optimization: another provider for one step, or the node's own route again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from pipelines.genetics.descent import Definition, Edit, Materials, Operator, edited, shuffled, steps_in
from pipelines.genetics.genome import PROVIDER_TYPES


def _edits(definition: Definition, rng: random.Random, materials: Materials) -> Iterator[Edit]:
    for path, step in shuffled(steps_in(definition, PROVIDER_TYPES), rng):
        current = step.get("provider")
        choices: list[str | None] = [each for each in materials.providers if each != current]
        if current is not None:
            choices.append(None)
        for choice in shuffled(choices, rng):
            # A model is one vendor's; another provider would refuse it.
            changes = {"provider": choice, "model": None}
            yield f"{step['name']}: {choice or 'by route'}", edited(definition, path, changes)


PROVIDER_OPTIMIZATION: Final = Operator("provider", _edits)
