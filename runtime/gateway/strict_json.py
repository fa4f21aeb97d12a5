"""JSON as RFC 8259 has it, within limits: what Python's decoder lets through on top is refused.

Python reads NaN and Infinity, turns 1e999 into infinity, keeps the last of two equal keys and nests until its stack
ends. Each of these would come back later as another value than the client meant, or as one that no answer can carry.
"""

from __future__ import annotations

import json
import math
import re
from codecs import BOM_UTF8
from typing import Any, Final, NoReturn, cast

DEEPEST = 60  # as deep as a pipeline may be; answers are cut off below 100
# What 4 MB of data come to. A body of brackets has five times as many, and takes a second that nobody else gets.
MOST_VALUES = 250_000
# Also one without an end: each start is a match, so that no bytes make it look twice.
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


class BadJsonError(Exception):
    """The bytes are no JSON that the node takes; the text says where and why, as the end of a sentence."""


def read_json(raw: bytes) -> Any:
    """The value in `raw`. Raises `BadJsonError`. Blocks for as long as the bytes are many."""
    if _values(raw) > MOST_VALUES and _values(_TEXT.sub(b"", raw)) > MOST_VALUES:
        raise BadJsonError(f"the body holds more than {MOST_VALUES} values; send that much data as text or as a file")
    if raw.startswith(BOM_UTF8):
        raise BadJsonError("the body begins with a byte order mark, which is not JSON; leave it out")
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadJsonError(f"the body is not UTF-8 (byte {error.start}); send JSON as UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadJsonError(f"the body is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise BadJsonError(f"the body is nested deeper than {DEEPEST} levels") from error
    except ValueError as error:  # Python's own bound on the digits of a whole number
        raise BadJsonError("the body holds a number with too many digits; send it as text") from error
    _check_depth(value)
    return value


def _values(raw: bytes) -> int:
    """How many values there are at most: exact where no text holds a comma or a bracket."""
    return sum(map(raw.count, (b",", b"[", b"{")))


def _no_constant(name: str) -> NoReturn:
    raise BadJsonError(f"the body holds {name}, which is not JSON; send null or text")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadJsonError(f"the number {text[:40]} is too large; send it as text")
    return number


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise BadJsonError(f"the key {twice[:80]!r} is there twice in one object")
    return found


# Made once: json.loads makes one for each text.
_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_each_once)


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(cast("dict[str, object]", each).values())
            elif isinstance(each, list):
                inner.extend(cast("list[object]", each))
        if not inner:
            return
        level = inner
    raise BadJsonError(f"the body is nested deeper than {DEEPEST} levels")
