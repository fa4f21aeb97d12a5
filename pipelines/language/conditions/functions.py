"""Operators and functions of conditions over JSON values (spec section 6). All pure; none raises on odd values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import JsonValue

# "A value equal to nothing": what arithmetic over non-numbers gives.
NOTHING: Final = float("nan")


def is_number(value: object) -> bool:
    """Whether `value` is a number and not a boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_true(value: JsonValue) -> bool:
    """Truthiness: null, false, empty text, list and map are false, and so is the result of impossible arithmetic."""
    if isinstance(value, float):
        return not math.isnan(value)
    if is_number(value):
        return True
    return bool(value)


def equal(left: JsonValue, right: JsonValue) -> bool:
    """Strict about types, except that 2 equals 2.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    return left == right


def date(value: JsonValue) -> Any:
    """Seconds since 1970 of a date or moment in ISO 8601 (UTC if it does not say); a number is such seconds already,
    and anything else is `NOTHING`."""
    if is_number(value):
        return value
    # The shape first: Python reads `20240131` and weeks as dates, too, and most texts are none.
    if not isinstance(value, str) or not 10 <= len(value) <= 40 or value[4] != "-" or value[7] != "-":
        return NOTHING
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return NOTHING


def compare(operator: str, left: JsonValue, right: JsonValue) -> bool:
    """`== != > < >= <=`; ordering holds between numbers, between texts, and between seconds and a date."""
    if operator == "==":
        return equal(left, right)
    if operator == "!=":
        return not equal(left, right)
    if is_number(left) and isinstance(right, str):
        right = date(right)
    elif isinstance(left, str) and is_number(right):
        left = date(left)
    if (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
        match operator:
            case ">":
                return left > right  # type: ignore[operator]  # both numbers or both texts
            case "<":
                return left < right  # type: ignore[operator]
            case ">=":
                return left >= right  # type: ignore[operator]
            case _:
                return left <= right  # type: ignore[operator]
    return False


def contains(whole: JsonValue, part: JsonValue) -> bool:
    """Text in text, member of list, key of map."""
    if isinstance(whole, str):
        return isinstance(part, str) and part in whole
    if isinstance(whole, Mapping):
        return isinstance(part, str) and part in whole
    return isinstance(whole, Sequence) and any(equal(each, part) for each in whole)


def arithmetic(operator: str, left: JsonValue, right: JsonValue) -> float | int:
    """`+ - * / %`; dividing by zero gives 0. In sums and differences a date counts as its seconds; anything else but
    numbers gives `NOTHING`."""
    if operator in {"+", "-"} and (isinstance(left, str) or isinstance(right, str)):
        left, right = date(left), date(right)
    if not is_number(left) or not is_number(right):
        return NOTHING
    a: Any = left
    b: Any = right
    try:
        match operator:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
            case "/":
                return 0 if b == 0 else a / b
            case _:
                return 0 if b == 0 else a % b
    except OverflowError:
        return NOTHING


def between(value: JsonValue, low: JsonValue, high: JsonValue) -> bool:
    """Inclusive on both ends."""
    return compare(">=", value, low) and compare("<=", value, high)


def length(value: JsonValue) -> int:
    """Of text, list or map; anything else has none."""
    return len(value) if isinstance(value, str | list | tuple | dict) else 0


def _numbers(value: JsonValue) -> list[Any]:
    return [each for each in value if is_number(each)] if isinstance(value, list | tuple) else []


def _numeric(function: Callable[[Any], Any]) -> Callable[[JsonValue], Any]:
    def apply(value: JsonValue) -> Any:
        try:
            return function(value) if is_number(value) else NOTHING
        except (ValueError, OverflowError):
            return NOTHING

    return apply


def _textual(function: Callable[[str], str]) -> Callable[[JsonValue], JsonValue]:
    return lambda value: function(value) if isinstance(value, str) else value


def _seconds(unit: int) -> Callable[[JsonValue], Any]:
    return lambda count: arithmetic("*", count, unit)


def _power(base: JsonValue, exponent: JsonValue) -> Any:
    if not is_number(base) or not is_number(exponent):
        return NOTHING
    try:
        result = math.pow(float(base), float(exponent))  # type: ignore[arg-type]  # both are numbers
    except (ValueError, OverflowError):
        return NOTHING
    return int(result) if result.is_integer() and isinstance(base, int) and isinstance(exponent, int) else result


def _round(value: Any) -> int:
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _extreme(function: Callable[[list[Any]], Any]) -> Callable[..., JsonValue]:
    def apply(*values: JsonValue) -> JsonValue:
        numbers = _numbers(values[0]) if len(values) == 1 else _numbers(list(values))
        return function(numbers) if numbers else None

    return apply


def _average(values: JsonValue) -> float:
    numbers = _numbers(values)
    return sum(numbers) / len(numbers) if numbers else 0


def _sum(values: JsonValue) -> Any:
    return sum(_numbers(values))


def _is_empty(value: JsonValue) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _exists(value: JsonValue) -> bool:
    return value is not None


def _starts(text: JsonValue, prefix: JsonValue) -> bool:
    return isinstance(text, str) and isinstance(prefix, str) and text.startswith(prefix)


def _ends(text: JsonValue, suffix: JsonValue) -> bool:
    return isinstance(text, str) and isinstance(suffix, str) and text.endswith(suffix)


# name -> (fewest arguments, most arguments or None, function). any, all, count, now, matches need the
# evaluation around them and live in conditions.py.
FUNCTIONS: Final[dict[str, tuple[int, int | None, Callable[..., Any]]]] = {
    "contains": (2, 2, contains),
    "length": (1, 1, length),
    "startsWith": (2, 2, _starts),
    "starts_with": (2, 2, _starts),
    "endsWith": (2, 2, _ends),
    "ends_with": (2, 2, _ends),
    "toLowerCase": (1, 1, _textual(str.lower)),
    "toUpperCase": (1, 1, _textual(str.upper)),
    "lower": (1, 1, _textual(str.lower)),
    "upper": (1, 1, _textual(str.upper)),
    "trim": (1, 1, _textual(str.strip)),
    "sum": (1, 1, _sum),
    "average": (1, 1, _average),
    "min": (1, None, _extreme(min)),
    "max": (1, None, _extreme(max)),
    "isEmpty": (1, 1, _is_empty),
    "empty": (1, 1, _is_empty),
    "exists": (1, 1, _exists),
    "days": (1, 1, _seconds(86400)),
    "hours": (1, 1, _seconds(3600)),
    "minutes": (1, 1, _seconds(60)),
    "seconds": (1, 1, _seconds(1)),
    "abs": (1, 1, _numeric(abs)),
    "round": (1, 1, _numeric(_round)),
    "floor": (1, 1, _numeric(math.floor)),
    "ceil": (1, 1, _numeric(math.ceil)),
    "sqrt": (1, 1, _numeric(math.sqrt)),
    "pow": (2, 2, _power),
    "between": (3, 3, between),
    "date": (1, 1, date),
}
