"""What a recorded loop did besides giving its result: the variables that its inner steps set.

When a run is resumed, a step that is on record is not run again, and a loop's inner steps not even looked at; yet
what they set must be seen by the steps that follow, as it was before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from pipelines.language import ForLoopStep, SetVariableStep, Step

_PASS = re.compile(r"\[\d+\]/")


def variables_set_within(
    step: Step, key: str, recorded: Iterable[tuple[str, JsonValue]]
) -> list[Mapping[str, JsonValue]]:
    """The variables that steps inside of `step` (at path `key`) left for the steps outside, in the order of `recorded`.

    `recorded` is (path, result) as the journal has them, oldest first. Empty for steps that keep their variables to
    themselves, as nested pipelines do.
    """
    if not isinstance(step, ForLoopStep):
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


def _step_at(loop: ForLoopStep, path: str) -> Step | None:
    """The step at `[pass]/name`, or further in through loops. None when the path leads elsewhere."""
    opened = _PASS.match(path)
    if opened is None:
        return None
    rest = path[opened.end() :]
    for step in loop.steps:
        if rest == step.name:
            return step
        if isinstance(step, ForLoopStep) and rest.startswith(f"{step.name}["):
            found = _step_at(step, rest.removeprefix(step.name))
            if found is not None:
                return found
    return None
