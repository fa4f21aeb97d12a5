"""The functions a template may call: arithmetic with pipeline_ex's rules, and a short `range`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final, cast

from jinja2.exceptions import SecurityError

from pipelines.language.scope import to_text

from .limits import MAX_DIGITS, MAX_RANGE

Number = Callable[[Any], int | float]


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise SecurityError(f"a number is needed, got {to_text(value)[:60]!r}")
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        pass
    try:
        number = float(value)
    except ValueError:
        raise SecurityError(f"a number is needed, got {value[:60]!r}") from None
    return number


def _number_or_zero(value: Any) -> int | float:
    try:
        return _number(value)
    except SecurityError:
        return 0


def _limited_range(*arguments: int) -> range:
    span = range(*arguments)
    if len(span) > MAX_RANGE:
        raise SecurityError(f"range() is limited to {MAX_RANGE} numbers")
    return span


def _arithmetic(number: Number, nothing: float) -> dict[str, Callable[..., Any]]:
    """The functions, with `number` telling what an argument counts as; dividing by zero gives `nothing`."""

    def taking(count: int, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            if len(values) != count:
                raise SecurityError(f"{name}() takes {count} argument{'s' * (count > 1)}, got {len(values)}")
            return function(*map(number, values))

        return call

    def divide(left: float, right: float) -> float | int:
        return nothing if right == 0 else left / right

    def rounded(value: Any = None, digits: int = 0) -> float | int:
        if abs(digits) > MAX_DIGITS:
            raise SecurityError(f"round() is limited to {MAX_DIGITS} digits")
        scale = 10**digits
        scaled = number(value) * scale
        whole = math.floor(abs(scaled) + 0.5) * (1 if scaled >= 0 else -1)
        return whole / scale if digits else whole

    def flat(arguments: tuple[Any, ...]) -> list[int | float]:
        only = arguments[0] if len(arguments) == 1 else None
        values = cast("list[Any]", only) if isinstance(only, list) else arguments
        if not values:
            raise SecurityError("max() and min() need a number at least")
        return [number(each) for each in values]

    return {
        "add": taking(2, "add", operator.add),
        "subtract": taking(2, "subtract", operator.sub),
        "multiply": taking(2, "multiply", operator.mul),
        "divide": taking(2, "divide", divide),
        "max": lambda *values: max(flat(values)),
        "min": lambda *values: min(flat(values)),
        "round": rounded,
        "floor": taking(1, "floor", math.floor),
        "ceil": taking(1, "ceil", math.ceil),
    }


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {**_arithmetic(_number, 0.0), "range": _limited_range}

# Where names that lead nowhere are kept, what is no number counts as 0 (spec section 5).
LENIENT_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = _arithmetic(_number_or_zero, 0)
