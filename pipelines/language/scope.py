"""What names mean while a run goes on: the one resolver behind templates, conditions, sources and outputs.

A path is a tuple of segments. Its root is one of `inputs`, `steps`, `global_vars`, `state`, `loop`, `workflow`,
or a bare name, looked up as: loop variable (inner loops first), step, state variable, input, global variable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, cast

from msgspec import Struct
from pydantic import JsonValue

Segments = tuple[str | int, ...]

ROOTS: Final = frozenset({"inputs", "steps", "global_vars", "state", "loop", "workflow"})
LOOP_FACTS: Final = frozenset({"index", "total", "first", "last", "level", "parent"})


class Missing:
    """The type of `MISSING`: nothing is there (null is something)."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
_NOTHING: Final[Mapping[str, JsonValue]] = {}


class Scope(Struct, frozen=True):
    """The values a template or condition may see.

    `files` holds text read beforehand for `file` prompt parts, by path as written. `now_s` (unix seconds) is what
    `now()` answers; without it `now()` is an error, since this floor has no clock.
    """

    inputs: Mapping[str, JsonValue] = {}
    steps: Mapping[str, JsonValue] = {}
    global_vars: Mapping[str, JsonValue] = {}
    state: Mapping[str, JsonValue] = {}
    loop: Mapping[str, JsonValue] | None = None
    workflow: Mapping[str, JsonValue] = {}
    files: Mapping[str, str] = {}
    now_s: float | None = None

    @property
    def lenient(self) -> bool:
        """Whether a name that leads nowhere is let pass (`unresolved_names: keep`); see `leniency`."""
        return self.workflow.get("unresolved_names") == "keep"

    def find(self, path: Segments) -> JsonValue | Missing:
        """The value at `path`, or `MISSING`. Never raises."""
        root = path[0]
        if root == "steps" and len(path) > 1:
            value = self.steps.get(str(path[1]), MISSING)
            return value if isinstance(value, Missing) else find_in_result(value, path[2:])
        if root in ROOTS:
            whole = getattr(self, str(root))
            start = cast(JsonValue, _NOTHING if whole is None else whole)
            return find_in(start, path[1:])
        return self._find_bare(str(root), path[1:])

    def find_data(self, path: Segments) -> JsonValue | Missing:
        """The value at `path` as the source of a loop or transform means it: of a variable and a step with the same
        bare name the variable (spec section 9)."""
        name = str(path[0])
        if name in self.state and name not in ROOTS and isinstance(self._in_loops(name), Missing):
            return find_in(self.state[name], path[1:])
        return self.find(path)

    def _find_bare(self, name: str, rest: Segments) -> JsonValue | Missing:
        variable = self._in_loops(name)
        if not isinstance(variable, Missing):
            return find_in(variable, rest)
        if name in self.steps:
            return find_in_result(self.steps[name], rest)
        for variables in (self.state, self.inputs, self.global_vars):
            if name in variables:
                return find_in(variables[name], rest)
        return MISSING

    def _in_loops(self, name: str) -> JsonValue | Missing:
        loop = self.loop
        while loop is not None:
            if name in loop and name not in LOOP_FACTS:
                return loop[name]
            parent = loop.get("parent")
            loop = parent if isinstance(parent, Mapping) else None
        return MISSING


def find_in(value: JsonValue, path: Segments) -> JsonValue | Missing:
    """Follows `path` through maps (keys), lists (indexes) and `.length`."""
    for segment in path:
        if isinstance(value, Mapping):
            inner = value.get(str(segment), MISSING)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            inner = _item(value, segment)
        else:
            inner = MISSING
        if isinstance(inner, Missing):
            if segment != "length" or not isinstance(value, Mapping | Sequence):
                return MISSING
            inner = len(value)
        value = inner
    return value


def _item(values: Sequence[JsonValue], segment: str | int) -> JsonValue | Missing:
    try:
        index = int(segment)
    except ValueError:
        return MISSING
    return values[index] if -len(values) <= index < len(values) else MISSING


def find_in_result(result: JsonValue, path: Segments) -> JsonValue | Missing:
    """Follows `path` through a step's result, with or without its `result` wrapper (spec section 5).

    Two more names of pipeline_ex find something in a provider's result: `content` its `text`, `cost` its `cost_usd` as
    a number.
    """
    found = find_in(result, path)
    if not isinstance(found, Missing) or not path:
        return found
    if isinstance(result, Mapping) and "result" in result:
        inner = find_in(result["result"], path)
        return _by_other_name(result, path) if isinstance(inner, Missing) else inner
    return find_in(result, path[1:]) if path[0] == "result" else MISSING


def _by_other_name(result: Mapping[str, JsonValue], path: Segments) -> JsonValue | Missing:
    if path[0] == "content" and "text" in result:
        return find_in(result["text"], path[1:])
    cost = result.get("cost_usd")
    if path == ("cost",) and isinstance(cost, str):
        return float(cost)
    return MISSING


def parse_path(text: str) -> Segments:
    """`"a.b.0"` or `"a:b.c"` as segments."""
    return tuple(part for part in text.replace(":", ".").split(".") if part)


def to_text(value: JsonValue) -> str:
    """How a value reads inside text: strings as they are, null as nothing, everything else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False)


def previous_response(result: JsonValue, extract: str | None, strict: bool, *, lenient: bool = False) -> str | None:
    """Text of a `previous_response` part: JSON is indented by two. None: the path is missing and `strict`.

    Without `extract` a provider's result reads as its text: tokens and costs are noise in a prompt. `lenient`: what
    pipeline_ex's prompts say (spec section 4) where nothing is there, `nil`, and a list as one line.
    """
    value: JsonValue | Missing = result
    if extract:
        value = find_in_result(result, parse_path(extract))
        if isinstance(value, Missing):
            return None if strict else "nil" if lenient else ""
    elif isinstance(result, Mapping) and "provider" in result and isinstance(result.get("text"), str):
        value = result["text"]
    if lenient and value is None:
        return "nil"
    if lenient and not extract and isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
