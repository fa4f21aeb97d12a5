"""Where pipeline_ex's documents take data from: the names they give the results of steps, as our sources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

JsonMap = dict[str, JsonValue]

_PREVIOUS: Final = re.compile(r"(previous_response:)([A-Za-z_]\w*)")


def by_result_name(steps: list[JsonValue]) -> list[JsonValue]:
    """The steps with `previous_response:x` read as the data of the step whose `output_field` is x, where no step has
    that name: pipeline_ex's documents call the field the variable of the result."""
    names = {name for step in steps if isinstance(step, dict) and isinstance(name := step.get("name"), str)}
    fields = {
        field: f"{step.get('name')}:{field}"
        for step in steps
        if isinstance(step, dict) and isinstance(field := step.get("output_field"), str) and field not in names
    }
    data = {str(step.get("name")): field for step in steps if isinstance(step, dict) and (field := _field_of(step))}
    if data or fields:
        steps = [_with_data(_renamed(step, fields), data) for step in steps]
    variables = {
        f"previous_response:{step.get('name')}:{name}": f"state.{name}"
        for step in steps
        if isinstance(step, dict) and step.get("type") == "set_variable"
        for name in _variables_of(step)
    }
    literal = "previous_response" in names
    return [_with_source(step, variables, names, literal=literal) for step in steps] if variables or literal else steps


def _variables_of(step: JsonMap) -> list[str]:
    variables, one = step.get("variables"), step.get("variable")
    return list(variables) if isinstance(variables, dict) else [one] if isinstance(one, str) else []


def _with_source(step: JsonValue, variables: Mapping[str, str], names: set[str], *, literal: bool) -> JsonValue:
    """A source that means a variable by the step that sets it, or (`literal`) a step that is called
    `previous_response`, in our words."""
    key = {"for_loop": "data_source", "data_transform": "input_source"}.get(str(_at(step, "type")))
    source = _at(step, key or "")
    if not isinstance(step, dict) or key is None or not isinstance(source, str):
        return step
    head, _, rest = source.partition(":")
    if source in variables:
        return {**step, key: variables[source]}
    if literal and head == "previous_response" and rest and re.split("[:.]", rest)[0] not in names:
        return {**step, key: f"{head}.{rest}"}
    return step


def _at(step: JsonValue, key: str) -> JsonValue:
    return step.get(key) if isinstance(step, dict) else None


def _field_of(step: JsonMap) -> str | None:
    field = step.get("output_field", step.get("name")) if step.get("type") == "data_transform" else None
    return field if isinstance(field, str) else None


def _with_data(step: JsonValue, data: Mapping[str, str]) -> JsonValue:
    """`input_source: previous_response:x` of a transform x means its data, not the map with the metadata beside it."""
    if not isinstance(step, dict) or step.get("type") != "data_transform":
        return step
    source = step.get("input_source")
    head, _, name = source.partition(":") if isinstance(source, str) else ("", "", "")
    if head != "previous_response" or name not in data:
        return step
    return {**step, "input_source": f"{source}:{data[name]}"}


def _renamed(value: JsonValue, fields: Mapping[str, str]) -> JsonValue:
    if isinstance(value, str):
        return _PREVIOUS.sub(lambda found: found[1] + fields.get(found[2], found[2]), value)
    if isinstance(value, dict):
        return {key: _renamed(each, fields) for key, each in value.items()}
    return [_renamed(each, fields) for each in value] if isinstance(value, list) else value
