"""Filter conditions of `data_transform`: one comparison, or the truth of one field."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pydantic import JsonValue

from pipelines.transform.columns import select
from pipelines.transform.fields import Absent, before, get_field, same

_COMPARISON: Final = re.compile(
    r"^(?P<left>[^=!<>]*?)\s*(?P<op>==|!=|>=|<=|>|<|\bcontains\b)\s*(?P<right>.*)$", re.DOTALL
)
_OPERATOR: Final = re.compile(r"==|!=|>=|<=|=|>|<")
_NUMBER: Final = re.compile(r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$")
_WORDS: Final[dict[str, JsonValue]] = {"true": True, "false": False, "null": None, "nil": None}


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled condition: called with a row it tells whether the row passes."""

    path: str
    comparison: str
    right: JsonValue
    test: Callable[[JsonValue | Absent], bool]

    def __call__(self, row: JsonValue) -> bool:
        return self.test(self._value(row))

    def among(self, rows: list[JsonValue]) -> list[JsonValue]:
        """The rows that pass, in their order."""
        quickly = None if self.path == "value" else select(rows, self.path, self.comparison, self.right)
        return [row for row in rows if self(row)] if quickly is None else quickly

    def _value(self, row: JsonValue) -> JsonValue | Absent:
        return row if self.path == "value" and not isinstance(row, dict) else get_field(row, self.path)


@lru_cache(maxsize=1024)
def compile_filter(condition: str, field: str | None) -> Filter:
    """A filter of rows. The left side is a dotted path, or `value` for the operation's own `field` (without one:
    for an item that is no map); the right side a literal (text may go unquoted). Without an operator: whether the
    field is there and is true (0 is, as in conditions).

    Raises `ValueError` with what is wrong.
    """
    text = condition.strip()
    if not text:
        raise ValueError("the condition is empty")
    found = _COMPARISON.match(text)
    if found is None:
        if _OPERATOR.search(text):
            raise ValueError("the operator is not known (==, !=, >=, <=, >, <, contains)")
        return Filter(_path(text, field), "", None, _truth)
    right = literal(_single(found["right"].strip()))
    compare = _OPERATORS[found["op"]]

    def test(left: JsonValue | Absent) -> bool:
        return compare(None if isinstance(left, Absent) else left, right)

    return Filter(_path(found["left"].strip(), field), found["op"], right, test)


def _single(text: str) -> str:
    """The right side, refused where unquoted text holds a second comparison: it would be compared as words."""
    if text[:1] not in ("'", '"', "[", "{") and _OPERATOR.search(text):
        raise ValueError(f"one comparison is possible, {text!r} holds another; write two filters, or quote the text")
    return text


def literal(text: str) -> JsonValue:
    """A literal of a condition: quoted text, number, true, false, null, a JSON list or map, or the bare text."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.match(text):
        number = float(text) if any(c in text for c in ".eE") else int(text)
        # "1e999" is infinite as a float, which JSON does not know.
        return text if isinstance(number, float) and math.isinf(number) else number
    if text[:1] in ("[", "{"):
        try:
            parsed: JsonValue = json.loads(text)
        except ValueError:
            return text
        return parsed
    return text


def _path(left: str, field: str | None) -> str:
    if left == "value" and field:
        return field
    if not left:
        if field:
            return field
        raise ValueError("the left side of the comparison is missing")
    return left


def _truth(value: JsonValue | Absent) -> bool:
    # By identity, because 0 equals False.
    return not isinstance(value, Absent) and value is not None and value is not False and value not in ("", [], {})


def _contains(left: JsonValue, right: JsonValue) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    if isinstance(left, list):
        return any(same(item, right) for item in left)
    return isinstance(left, dict) and isinstance(right, str) and right in left


def _less(left: JsonValue, right: JsonValue) -> bool:
    return before(left, right) is True


def _at_most(left: JsonValue, right: JsonValue) -> bool:
    return before(right, left) is False


_OPERATORS: Final[dict[str, Callable[[JsonValue, JsonValue], bool]]] = {
    "==": same,
    "!=": lambda left, right: not same(left, right),
    "<": _less,
    "<=": _at_most,
    ">": lambda left, right: _less(right, left),
    ">=": lambda left, right: _at_most(right, left),
    "contains": _contains,
}
