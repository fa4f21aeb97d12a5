"""Branches of a `switch` that are never taken, as far as its text tells."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from pydantic import JsonValue

from pipelines.language import SwitchCase, SwitchStep, is_template

Key = tuple[str | int, ...]


def dead_branches(step: SwitchStep, never: Callable[[JsonValue], bool]) -> Iterator[tuple[Key, str]]:
    """The key below the step of each, and why. `never` tells of a condition that no input can make true."""
    taken: set[str] = set()
    always: int | None = None
    for index, case in enumerate(step.cases):
        key: Key = ("cases", index)
        if always is not None:
            yield key, f"case {index + 1} is never reached: case {always + 1} always fits"
        elif case.condition is not None:
            if never(case.condition):
                yield (*key, "condition"), f"case {index + 1} is never taken: its condition never holds"
            elif case.condition is True or case.condition == "true":
                always = index
        else:
            values = _values(case)
            if values and values <= taken:
                yield (*key, "when"), f"case {index + 1} is never reached: cases before it have its values"
            taken |= values
    if always is not None and step.default:
        yield ("default",), f"the default is never reached: case {always + 1} always fits"


def _values(case: SwitchCase) -> set[str]:
    """What it waits for, where the text tells all of it."""
    values = case.when if isinstance(case.when, list) else [case.when]
    if any(isinstance(each, dict | list) or (isinstance(each, str) and is_template(each)) for each in values):
        return set()
    return {json.dumps(each) for each in values}
