"""Reading, comparing and replacing fields of rows. Pure; rows are never changed in place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, cast

from pydantic import JsonValue


class Absent:
    """The type of `ABSENT`: the row has no such field (null is a value)."""


ABSENT: Final = Absent()


@lru_cache(maxsize=4096)
def split_path(path: str) -> tuple[str, ...]:
    """`"user.profile.age"` as its parts."""
    return tuple(part for part in path.split(".") if part)


def get_field(row: JsonValue, path: str) -> JsonValue | Absent:
    """The value at a dotted path; list indexes are numbers. A key that is the whole path (a column named "a.b", or the
    one `group_by` makes) goes before the way through maps."""
    if isinstance(row, dict) and path in row:
        return row[path]
    value: Any = row
    for part in split_path(path):
        if isinstance(value, Mapping):
            mapping = cast("Mapping[str, Any]", value)
            if part not in mapping:
                return ABSENT
            value = mapping[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[int(part)]
        else:
            return ABSENT
    return value


def with_field(row: JsonValue, path: str, new: JsonValue) -> JsonValue:
    """A copy of `row` with the value that `get_field` finds at `path` replaced; only what is on the way is copied."""
    if isinstance(row, dict) and path in row:
        return {**row, path: new}
    return _replaced(row, split_path(path), new)


def _replaced(value: JsonValue, parts: tuple[str, ...], new: JsonValue) -> JsonValue:
    if not parts:
        return new
    first, rest = parts[0], parts[1:]
    if isinstance(value, dict) and first in value:
        return {**value, first: _replaced(value[first], rest, new)}
    if isinstance(value, list) and first.isdigit() and int(first) < len(value):
        index = int(first)
        return [*value[:index], _replaced(value[index], rest, new), *value[index + 1 :]]
    return value


def as_text(value: JsonValue) -> str:
    """A value as a key of a group or a lookup table: JSON's words for booleans and null."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def is_number(value: object) -> bool:
    """Whether `value` is a JSON number (a boolean is not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(left: JsonValue, right: JsonValue) -> bool:
    """Equality that is strict about types, except that 2 equals 2.0."""
    if is_number(left) and is_number(right):
        return left == right
    return type(left) is type(right) and left == right


def before(left: JsonValue, right: JsonValue) -> bool | None:
    """Whether `left < right`; None where the two have no order (only numbers and texts have one)."""
    if is_number(left) and is_number(right):
        return cast(float, left) < cast(float, right)
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    return None


_RANKS: Final[dict[type, int]] = {type(None): 4, bool: 2, int: 0, float: 0, str: 1}
ORDERED_RANKS: Final = frozenset({0, 1, 2})


def sort_key(value: JsonValue | Absent) -> tuple[int, Any]:
    """A total order: numbers, texts, booleans, then lists and maps as they came, nulls and absent ones last."""
    if isinstance(value, Absent):
        return (5, 0)
    rank = _RANKS.get(type(value), 3)
    return (rank, value if rank in ORDERED_RANKS else 0)
