"""The functions of `aggregate`: many values in, one out. Nulls and absent fields do not count; of nothing they
give 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, cast

from pydantic import JsonValue

from pipelines.transform.fields import ORDERED_RANKS, is_number, same, sort_key

Aggregate = Callable[[Sequence[JsonValue]], JsonValue]


def _numbers(values: Sequence[JsonValue]) -> list[float]:
    wrong = next((v for v in values if not is_number(v)), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is not a number")
    return [cast(float, v) for v in values]


def _sum(values: Sequence[JsonValue]) -> JsonValue:
    return sum(_numbers(values))


def _average(values: Sequence[JsonValue]) -> JsonValue:
    return sum(_numbers(values)) / len(values) if values else 0


def _least(values: Sequence[JsonValue]) -> JsonValue:
    return min(_of_one_kind(values), key=sort_key) if values else 0


def _greatest(values: Sequence[JsonValue]) -> JsonValue:
    return max(_of_one_kind(values), key=sort_key) if values else 0


def _of_one_kind(values: Sequence[JsonValue]) -> Sequence[JsonValue]:
    """Only numbers, texts or booleans: over a mixture (an empty cell among numbers) the answer would be an accident."""
    ranks = {sort_key(value)[0]: value for value in values}
    if len(ranks) > 1:
        raise ValueError(f"it mixes {' and '.join(repr(value) for value in list(ranks.values())[:2])}")
    if ranks.keys() <= ORDERED_RANKS:
        return values
    raise ValueError(f"{values[0]!r} has no order")


def _unique(values: Sequence[JsonValue]) -> JsonValue:
    hashed: set[tuple[str, object]] = set()
    kept: list[JsonValue] = []
    for value in values:
        if isinstance(value, str | int | float):
            key = ("number" if is_number(value) else type(value).__name__, value)
            if key in hashed:
                continue
            hashed.add(key)
        elif any(same(value, k) for k in kept):
            continue
        kept.append(value)
    return kept


AGGREGATES: Final[dict[str, Aggregate]] = {
    "sum": _sum,
    "average": _average,
    "avg": _average,
    "mean": _average,
    "count": len,
    "max": _greatest,
    "min": _least,
    "first": lambda values: values[0] if values else 0,
    "last": lambda values: values[-1] if values else 0,
    "unique": _unique,
}
