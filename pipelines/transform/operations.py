"""The six operations of `data_transform`, one function each: `(data, spec, place) -> data`.

A new operation is a function and a line in `OPERATIONS`, and its name in the language's checks.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from pydantic import JsonValue

from pipelines.transform.aggregating import AGGREGATES, OVER_NUMBERS
from pipelines.transform.columns import NOTHING, column, kinds, sort_by
from pipelines.transform.errors import TransformError
from pipelines.transform.fields import Absent, as_text, get_field, is_number, with_field
from pipelines.transform.filtering import compile_filter

Spec = Mapping[str, JsonValue]
Sources = Callable[[str], JsonValue]


@dataclass(frozen=True, slots=True)
class Place:
    """Which operation this is, for errors, and how to reach other steps' data."""

    index: int
    name: str
    sources: Sources
    lenient: bool = False

    def refuse(self, problem: str, expected: str = "", fix: str = "") -> TransformError:
        return TransformError(self.index, self.name, problem, expected, fix)

    def text(self, spec: Spec, key: str, default: str | None = None) -> str:
        value = spec.get(key, default)
        if not isinstance(value, str) or not value:
            raise self.refuse(f"`{key}` is missing or not text", f"`{key}` to name a field", f"add `{key}: ...`")
        return value


def _filter(data: JsonValue, spec: Spec, place: Place) -> JsonValue:
    field = spec.get("field")
    condition = spec.get("condition")
    if not isinstance(condition, str):
        raise place.refuse("`condition` is missing or not text", 'a comparison such as "score > 80"')
    try:
        test = compile_filter(condition, field if isinstance(field, str) else None)
    except ValueError as error:
        raise place.refuse(f"condition {condition!r}: {error}", 'a comparison such as "score > 80"') from error
    if isinstance(data, list):
        return test.among(data)
    return data if test(data) else None


def _map(data: JsonValue, spec: Spec, place: Place) -> JsonValue:
    field, mapping, expression = spec.get("field"), spec.get("mapping"), spec.get("expression")
    change: Callable[[JsonValue], JsonValue]
    if isinstance(mapping, dict) and field is None:
        change = lambda row: {**row, **mapping} if isinstance(row, dict) else row  # noqa: E731 - one of three
    elif isinstance(mapping, dict):
        path = place.text(spec, "field")
        nothing = "" if place.lenient and "" in mapping else "null"
        change = lambda row: _looked_up(row, path, mapping, nothing)  # noqa: E731
    elif isinstance(expression, str):
        path = place.text(spec, "field")
        turn = EXPRESSIONS.get(expression)
        if turn is None and place.lenient:
            return data
        if turn is None:
            raise place.refuse(f"expression {expression!r} is not known", ", ".join(EXPRESSIONS))
        change = lambda row: _turned(row, path, turn)  # noqa: E731
    elif place.lenient:
        return data
    else:
        raise place.refuse("there is nothing to map by", "`mapping` (a map) or `expression` (text)")
    return [change(row) for row in data] if isinstance(data, list) else change(data)


def _looked_up(row: JsonValue, path: str, mapping: Mapping[str, JsonValue], nothing: str) -> JsonValue:
    value = get_field(row, path)
    if isinstance(value, Absent):
        return row
    key = nothing if value is None else as_text(value)
    return with_field(row, path, mapping[key]) if key in mapping else row


def _turned(row: JsonValue, path: str, turn: Callable[[str], JsonValue]) -> JsonValue:
    value = get_field(row, path)
    return with_field(row, path, turn(value)) if isinstance(value, str) else row


def _number(text: str) -> JsonValue:
    """A number written as text, such as a CSV cell; any other text stays as it is."""
    try:
        # Python's own "1_000" is an identifier to everyone else.
        value = float("no" if "_" in text else text)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    return int(text) if text.strip().lstrip("+-").isdigit() else value


EXPRESSIONS: Final[dict[str, Callable[[str], JsonValue]]] = {
    "uppercase": str.upper,
    "lowercase": str.lower,
    "trim": str.strip,
    "number": _number,
}


def _aggregate(data: JsonValue, spec: Spec, place: Place) -> JsonValue:
    if spec.get("per_group") is not True:
        return _reckoned(_rows(data), spec, place)
    if not isinstance(data, dict):
        raise place.refuse("`per_group` needs groups", "the result of group_by", "put group_by before it")
    return {key: _reckoned(_rows(rows), spec, place) for key, rows in data.items()}


def _rows(data: JsonValue) -> list[JsonValue]:
    return data if isinstance(data, list) else [data]


def _reckoned(rows: list[JsonValue], spec: Spec, place: Place) -> JsonValue:
    name = spec.get("function", "sum")
    field = spec.get("field")
    known = isinstance(name, str) and name in AGGREGATES
    if not known and not place.lenient:
        raise place.refuse(f"function {name!r} is not known", ", ".join(AGGREGATES))
    if field is None and name != "count" and any(isinstance(row, dict) for row in rows):
        place.text(spec, "field")
    values, types = _values(rows, place.text(spec, "field")) if field is not None else (rows, kinds(rows))
    if not known:
        return values
    assert isinstance(name, str)
    if place.lenient and name in OVER_NUMBERS:
        values = [value for value in values if is_number(value)]
        types = kinds(values)
    try:
        return AGGREGATES[name](values, types)
    except OverflowError as error:
        raise place.refuse(f"field {field!r}: {error}", "numbers a float can hold") from error
    except ValueError as error:
        fix = f"put `operation: map, field: {field}, expression: number` before it, or filter other rows out"
        raise place.refuse(f"field {field!r}: {error}", "values of one kind", fix) from error


def _values(rows: list[JsonValue], field: str) -> tuple[list[JsonValue], frozenset[type]]:
    """What is there at `field`, and of which types it is: a look at a million values is as long as adding them up."""
    found = column(rows, field)
    types = kinds(found)
    if types.isdisjoint(NOTHING):
        return cast("list[JsonValue]", found), types
    return [value for value in found if not isinstance(value, Absent) and value is not None], types - NOTHING


def _join(data: JsonValue, spec: Spec, place: Place) -> JsonValue:
    key = place.text(spec, "join_key")
    left = place.text(spec, "left_field", key)
    right = spec.get("right_source")
    rows = place.sources(right) if isinstance(right, str) else right
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list):
        raise place.refuse("`right_source` is not a list of rows", "a source such as previous_response:step:rows")
    index: dict[str, JsonValue] = {}
    for row in rows:
        value = get_field(row, key)
        if not isinstance(value, Absent) and value is not None:
            index.setdefault(_join_key(value), row)

    def joined(row: JsonValue) -> JsonValue:
        value = get_field(row, left)
        match = None if isinstance(value, Absent) else index.get(_join_key(value))
        return {**row, **match} if isinstance(row, dict) and isinstance(match, dict) else row

    return [joined(row) for row in data] if isinstance(data, list) else joined(data)


def _join_key(value: JsonValue) -> str:
    return f"{'t' if isinstance(value, str) else 'v'}:{as_text(value)}"


def _group_by(data: JsonValue, spec: Spec, place: Place) -> JsonValue:
    field = place.text(spec, "field")
    wanted = spec.get("aggregate")
    if not isinstance(data, list) and wanted is None:
        return {"default": data}
    groups: defaultdict[str, list[JsonValue]] = defaultdict(list)
    rows = _rows(data)
    # pipeline_ex writes what is not there as empty text.
    nothing = "" if place.lenient else "null"
    for row, value in zip(rows, column(rows, field), strict=True):
        # Text first: it is what rows are grouped by, and a call for each row would take longer than the rest.
        if isinstance(value, str):
            groups[value].append(row)
        else:
            groups[nothing if value is None or isinstance(value, Absent) else as_text(value)].append(row)
    if wanted is None:
        return dict(groups)
    if isinstance(wanted, dict) and field in wanted:
        raise place.refuse(f"`aggregate.{field}` has the name of the group's field", fix="give the figure another name")
    return [{field: key, **_figures(rows, wanted, place)} for key, rows in groups.items()]


def _figures(rows: list[JsonValue], wanted: JsonValue, place: Place) -> dict[str, JsonValue]:
    """One group's figures: `{name: {function, field}}` worked out over its rows."""
    if not isinstance(wanted, dict):
        raise place.refuse("`aggregate` is not a map", "names with {function, field}, e.g. orders: {function: count}")
    figures: dict[str, JsonValue] = {}
    for name, how in wanted.items():
        if not isinstance(how, dict):
            raise place.refuse(f"`aggregate.{name}` is not a map", "{function: ..., field: ...}")
        figures[name] = _reckoned(rows, how, place)
    return figures


def _sort(data: JsonValue, spec: Spec, place: Place) -> JsonValue:
    field = place.text(spec, "field")
    order = spec.get("order", "asc")
    if order not in ("asc", "desc") and not place.lenient:
        raise place.refuse(f"order {order!r} is not known", "asc or desc")
    if not isinstance(data, list):
        return data
    return sort_by(data, column(data, field), descending=order == "desc")


Operation = Callable[[JsonValue, Spec, Place], JsonValue]
OPERATIONS: Final[dict[str, Operation]] = {
    "filter": _filter,
    "map": _map,
    "aggregate": _aggregate,
    "join": _join,
    "group_by": _group_by,
    "sort": _sort,
}
