"""What a pipeline hands to its caller (spec section 10)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from .diagnostics import OutputError, TemplateError, nearest
from .parts import OutputPath
from .scope import Missing, Scope, find_in_result, parse_path
from .templates import render


def select_outputs(
    outputs: tuple[str | OutputPath, ...] | Mapping[str, JsonValue] | None, scope: Scope
) -> dict[str, JsonValue]:
    """The declared outputs of a finished run; raises `OutputError` for the first that is not there.

    None or an empty list gives every step's result with its `result` wrapper removed. A list names steps or paths; a
    map renders templates.
    """
    if outputs is None or outputs == ():
        return {name: unwrap(result) for name, result in scope.steps.items()}
    if isinstance(outputs, Mapping):
        try:
            return {name: render(value, scope) for name, value in outputs.items()}
        except TemplateError as error:
            raise OutputError(str(error)) from error
    chosen: dict[str, JsonValue] = {}
    for each in outputs:
        if isinstance(each, str):
            if each not in scope.steps:
                raise OutputError(f"Output '{each}' not found in results{_hint(each, scope)}")
            chosen[each] = unwrap(scope.steps[each])
            continue
        path = parse_path(each.path)
        step = str(path[0]) if path else ""
        value = find_in_result(scope.steps[step], path[1:]) if step in scope.steps else None
        if step not in scope.steps or isinstance(value, Missing):
            raise OutputError(f"Path '{each.path}' not found in results{_hint(step, scope)}")
        chosen[each.as_ or each.path] = value
    return chosen


def unwrap(result: JsonValue) -> JsonValue:
    """A result without its `result` wrapper."""
    return result["result"] if isinstance(result, Mapping) and "result" in result else result


def _hint(name: str, scope: Scope) -> str:
    match = nearest(name, scope.steps)
    return f" (did you mean '{match}'?)" if match and match != name else ""
