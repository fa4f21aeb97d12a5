"""JSON text as values that JSON can carry: Python's decoder alone also yields NaN, infinity and its own stack's end."""

from __future__ import annotations

import json
import math
from typing import NoReturn, cast

from pydantic import JsonValue


def parse_json(text: str) -> JsonValue:
    """The value in `text`. Raises `ValueError` whose text says why not."""
    try:
        return cast(JsonValue, json.loads(text, parse_constant=_no_constant, parse_float=_finite))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number
