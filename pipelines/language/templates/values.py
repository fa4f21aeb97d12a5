"""What Jinja2 hands back, as values of the language."""

from __future__ import annotations

from typing import Any, cast

from pydantic import JsonValue

from .limits import MAX_VALUES


def plain(value: Any) -> JsonValue:
    """What Jinja2's filters return (tuples, iterators, ranges, dict views) as JSON.

    Raises `TypeError` for anything else, and `ValueError` for more than `MAX_VALUES` values.
    """
    return _plain(value, [MAX_VALUES])


def _plain(value: Any, left: list[int]) -> JsonValue:
    left[0] -= 1
    if left[0] < 0:
        raise ValueError(f"the result has more than {MAX_VALUES} values")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(each, left) for key, each in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple | range) or hasattr(value, "__next__") or hasattr(value, "__len__"):
        return [_plain(each, left) for each in cast("list[Any]", value)]
    raise TypeError(f"a {type(value).__name__} is not a value of the language")
