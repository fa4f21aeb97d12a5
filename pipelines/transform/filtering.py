"""Filter conditions of `data_transform`: comparisons, or the truth of a field, joined by and, or, not."""

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
from pipelines.transform.logic import alternatives, between_of, member_of

MAX_FILTER_CHARS: Final = 10_000
_COMPARISON: Final = re.compile(r"^(?P<left>[^=!<>]*?)(?P<op>==|!=|>=|<=|>|<|\bcontains\b)\s*(?P<right>.*)$", re.DOTALL)
_OPERATOR: Final = re.compile(r"==|!=|>=|<=|=|>|<")
_NEGATED: Final = re.compile(r"^(?:not\s+|!\s*)(?=[\w(])")
_CALL: Final = re.compile(r"^[A-Za-z_]\w*\(.*\)$", re.DOTALL)
_STRANGERS: Final = re.compile(r"\s(matches|starts_with|ends_with|exists|empty)(?:\s|$)")
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


@dataclass(frozen=True, slots=True)
class Filters:
    """Several filters: any of `either` must hold, and of each of those all."""

    either: tuple[tuple[Callable[[JsonValue], bool], ...], ...]

    def __call__(self, row: JsonValue) -> bool:
        return any(all(each(row) for each in every) for every in self.either)

    def among(self, rows: list[JsonValue]) -> list[JsonValue]:
        """The rows that pass, in their order."""
        return [row for row in rows if self(row)]


@lru_cache(maxsize=1024)
def compile_filter(condition: str, field: str | None) -> Filter | Filters:
    """A filter of rows: comparisons, joined by `and` (closer) and `or`, each also behind `not`.

    The left side is a dotted path, or `value` for the operation's own `field` (without one: for an item that is no
    map); the right side a literal (text may go unquoted). `x between 1 and 5` and `x [not] in ['a', 'b']` are
    comparisons, too. Without an operator: whether the field is there and is true (0 is, as in conditions).

    Raises `ValueError` with what is wrong.
    """
    text = condition.strip()
    if not text:
        raise ValueError("the condition is empty")
    if len(text) > MAX_FILTER_CHARS:
        raise ValueError(f"the condition is longer than {MAX_FILTER_CHARS} characters")
    either = alternatives(text)
    if len(either) == 1 and len(either[0]) == 1 and not _NEGATED.match(text):
        return _one(text, field)
    return Filters(tuple(tuple(_test(each, field) for each in every) for every in either))


def _test(text: str, field: str | None) -> Callable[[JsonValue], bool]:
    negated = _NEGATED.match(text)
    if negated is None:
        return _one(text, field)
    inner = _one(text[negated.end() :], field)
    return lambda row: not inner(row)


def _one(text: str, field: str | None) -> Filter:
    if (three := between_of(text)) is not None:
        low, high = literal(three[1]), literal(three[2])
        return Filter(_path(three[0], field), "", None, lambda value: _at_least(value, low) and _at_least(high, value))
    if (member := member_of(text)) is not None:
        items = [literal(each) for each in member[2]]
        return Filter(_path(member[0], field), "", None, lambda value: _among(items, value) is member[1])
    found = _COMPARISON.match(text)
    if found is None:
        if _OPERATOR.search(text):
            raise ValueError("the operator is not known (==, !=, >=, <=, >, <, contains, in, between)")
        if (stranger := _STRANGERS.search(text)) is not None:
            raise ValueError(
                f"'{stranger[1]}' is no operator of a filter (==, !=, >=, <=, >, <, contains, in, between)"
            )
        return Filter(_path(text, field), "", None, _truth)
    if not found["right"].strip():
        raise ValueError("the right side of the comparison is missing")
    right = literal(_single(found["right"].strip()))
    left_text = found["left"].strip()
    lacks = found["op"] == "contains" and left_text.endswith(" not")
    compare = _OPERATORS[found["op"]]

    def test(left: JsonValue | Absent) -> bool:
        return compare(None if isinstance(left, Absent) else left, right) is not lacks

    # The quick way over columns knows no negation.
    operator = "" if lacks else found["op"]
    return Filter(_path(left_text.removesuffix(" not") if lacks else left_text, field), operator, right, test)


def _single(text: str) -> str:
    """The right side, refused where unquoted text holds a second comparison: it would be compared as words."""
    if text[:1] not in ("'", '"', "[", "{") and _OPERATOR.search(text):
        raise ValueError(f"one comparison is possible, {text!r} holds another; write `and`, or quote the text")
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
    if left.startswith("("):
        raise ValueError("a filter knows no parentheses around comparisons; write two filters one after the other")
    if _CALL.match(left):
        raise ValueError(f"a filter knows no functions, {left!r} looks like one")
    if left == "value" and field:
        return field
    if left.startswith("value.") and field:
        return f"{field}{left.removeprefix('value')}"
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


def _among(items: list[JsonValue], value: JsonValue | Absent) -> bool:
    return any(same(item, None if isinstance(value, Absent) else value) for item in items)


def _at_least(high: JsonValue | Absent, low: JsonValue | Absent) -> bool:
    if isinstance(high, Absent) or isinstance(low, Absent):
        return False
    return before(high, low) is False


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
