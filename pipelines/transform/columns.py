"""One field of all rows at once: where a million rows are alike, the interpreter's own loops do the work.

Everything here gives what a loop over single rows gives; a list whose rows differ takes that loop.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, cast

from pydantic import JsonValue

from pipelines.transform.fields import Absent, get_field, is_number, sort_key

_NUMBERS: Final[frozenset[type]] = frozenset({int, float})
_TEXTS: Final[frozenset[type]] = frozenset({str})
_QUICK: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def column(rows: Sequence[JsonValue], path: str) -> list[JsonValue | Absent]:
    """`get_field(row, path)` of each row."""
    try:
        return [cast(Any, row)[path] for row in rows]
    except (KeyError, TypeError):  # a row without it or that is no map, or a path of several parts
        return [get_field(row, path) for row in rows]


def kinds(values: Iterable[object]) -> frozenset[type]:
    """The types that occur."""
    return frozenset(map(type, values))


def alike(found: frozenset[type]) -> bool:
    """Whether values of these types compare as Python has it: all numbers, or all texts."""
    return found <= _NUMBERS or found <= _TEXTS


def select(rows: Sequence[JsonValue], path: str, comparison: str, right: JsonValue) -> list[JsonValue] | None:
    """The rows whose value at `path` is of `right`'s kind and compares with it so; None where only a look at each row
    can tell: by another comparison, with another kind of value, or because a row does not have this very key."""
    compare = _QUICK.get(comparison)
    accepted = _NUMBERS if is_number(right) else _TEXTS if isinstance(right, str) else None
    if compare is None or accepted is None:
        return None
    try:
        return [row for row in rows if type(value := cast(Any, row)[path]) in accepted and compare(value, right)]
    except (KeyError, TypeError):
        return None


def sort_by(rows: Sequence[JsonValue], values: Sequence[JsonValue | Absent], *, descending: bool) -> list[JsonValue]:
    """The rows in the order of their values (see `sort_key`); those with the same value keep theirs."""
    keys: Iterator[Any] = iter(values) if alike(kinds(values)) else map(sort_key, values)
    # `sorted` asks for each row's key once, in the order of the rows.
    return sorted(rows, key=lambda _: next(keys), reverse=descending)
