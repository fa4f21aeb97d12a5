"""The functions of `aggregate`: many values in, one out. Nulls and absent fields do not count; of nothing they
give 0, `first` and `last` null.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, cast

from pydantic import JsonValue

from pipelines.transform.columns import alike
from pipelines.transform.fields import ORDERED_RANKS, is_number, sort_key

_NUMBERS: Final[frozenset[type]] = frozenset({int, float})

Types = frozenset[type]
Aggregate = Callable[[Sequence[JsonValue], Types], JsonValue]
"""Takes the values and the types that occur among them."""


def _numbers(values: Sequence[JsonValue], types: Types) -> list[float]:
    if types <= _NUMBERS:
        return cast("list[float]", values)
    wrong = next((v for v in values if not is_number(v)), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is not a number")
    return [cast(float, v) for v in values]


def _sum(values: Sequence[JsonValue], types: Types) -> JsonValue:
    return sum(_numbers(values, types))


def _average(values: Sequence[JsonValue], types: Types) -> JsonValue:
    return sum(_numbers(values, types)) / len(values) if values else 0


def _least(values: Sequence[JsonValue], types: Types) -> JsonValue:
    return min(_of_one_kind(values, types), key=_order(types)) if values else 0


def _greatest(values: Sequence[JsonValue], types: Types) -> JsonValue:
    return max(_of_one_kind(values, types), key=_order(types)) if values else 0


def _order(types: Types) -> Callable[[Any], Any] | None:
    return None if alike(types) else sort_key


def _of_one_kind(values: Sequence[JsonValue], types: Types) -> Sequence[Any]:
    """Only numbers, texts or booleans: over a mixture (an empty cell among numbers) the answer would be an accident."""
    if alike(types):
        return values
    ranks = {sort_key(value)[0]: value for value in values}
    if len(ranks) > 1:
        raise ValueError(f"it mixes {' and '.join(repr(value) for value in list(ranks.values())[:2])}")
    if ranks.keys() <= ORDERED_RANKS:
        return values
    raise ValueError(f"{values[0]!r} has no order")


def _unique(values: Sequence[JsonValue], _types: Types) -> JsonValue:
    first: dict[Hashable, JsonValue] = {}
    for value in values:
        kind = "number" if is_number(value) else type(value).__name__
        first.setdefault((kind, _hashable(value)), value)
    return list(first.values())


def _hashable(value: JsonValue) -> Hashable:
    """Equal for values that are equal: lists as tuples, maps as sets of their entries."""
    if isinstance(value, list):
        return tuple(_hashable(each) for each in value)
    if isinstance(value, dict):
        return frozenset((key, _hashable(each)) for key, each in value.items())
    return value


AGGREGATES: Final[dict[str, Aggregate]] = {
    "sum": _sum,
    "average": _average,
    "avg": _average,
    "mean": _average,
    "count": lambda values, _: len(values),
    "max": _greatest,
    "min": _least,
    "first": lambda values, _: values[0] if values else None,
    "last": lambda values, _: values[-1] if values else None,
    "unique": _unique,
}

# What counts only numbers where mistakes are let pass.
OVER_NUMBERS: Final = frozenset({"sum", "average", "avg", "mean", "max", "min"})
