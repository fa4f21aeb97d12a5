"""What a recorded loop or switch did besides giving its result: the variables that its inner steps set.

When a run is resumed, a step that is on record is not run again, and its inner steps not even looked at; yet
what they set must be seen by the steps that follow, as it was before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from pipelines.language import SetVariableStep, Step

_PASS = re.compile(r"\[(\d+)\]/")


def variables_set_within(
    step: Step, key: str, recorded: Iterable[tuple[str, JsonValue]]
) -> list[Mapping[str, JsonValue]]:
    """The variables that steps inside of `step` (at path `key`) left for the steps outside, in the order of `recorded`.

    `recorded` is (path, result) as the journal has them, oldest first. Empty for steps that keep their variables to
    themselves, as nested pipelines do.
    """
    if not step.bodies():
        return []
    found: list[Mapping[str, JsonValue]] = []
    for path, result in recorded:
        inner = _step_at(step, path.removeprefix(key)) if path.startswith(key) else None
        if not isinstance(inner, SetVariableStep) or inner.scope == "loop" or not isinstance(result, Mapping):
            continue
        values = result.get("variables")
        if isinstance(values, Mapping):
            found.append(values)
    return found


def _step_at(holder: Step, path: str) -> Step | None:
    """The step at `[pass]/name` of a loop or `[branch]/name` of a switch, or further in. None when the path leads
    elsewhere."""
    opened = _PASS.match(path)
    if opened is None:
        return None
    rest = path[opened.end() :]
    bodies = holder.bodies()
    body = int(opened[1]) if holder.type == "switch" else 0
    for step in bodies[body][1] if body < len(bodies) else ():
        if rest == step.name:
            return step
        if step.bodies() and rest.startswith(f"{step.name}["):
            found = _step_at(step, rest.removeprefix(step.name))
            if found is not None:
                return found
    return None
