"""Finds the JSON in what a model answered: bare, in a code fence, or with talk around it."""

from __future__ import annotations

import json
import re
from typing import Any, Final, cast

from pydantic import JsonValue

_FENCE: Final = re.compile(r"```[A-Za-z0-9_-]*[^\S\n]*\n(.*?)```", re.DOTALL)
_START: Final = re.compile(r"[\[{]")
_LONGEST: Final = 2_000_000
_MOST_STARTS: Final = 200


class NoJsonError(ValueError):
    """There is no JSON in the answer."""


def parse_json_answer(text: str) -> JsonValue:
    """The JSON value in `text`: the whole of it, else the first fenced block that parses, else the longest object
    or list that stands in it (talk may hold a "[1]" of its own). Raises `NoJsonError`; NaN and Infinity count as not
    JSON.
    """
    if len(text) > _LONGEST:
        raise NoJsonError(f"the answer is longer than {_LONGEST} characters")
    for candidate in (text.strip(), *(block.strip() for block in _FENCE.findall(text))):
        try:
            return cast(JsonValue, json.loads(candidate, parse_constant=_refuse))
        except (ValueError, RecursionError):
            continue
    found = _longest_value(text)
    if found is None:
        raise NoJsonError("there is no JSON in the answer")
    return found


def _longest_value(text: str) -> JsonValue:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    best: JsonValue = None
    longest = after = tried = 0
    for start in _START.finditer(text):
        if start.start() < after:
            continue
        tried += 1
        if tried > _MOST_STARTS:
            break
        try:
            value, after = cast("tuple[JsonValue, int]", decoder.raw_decode(text, start.start()))
        except (ValueError, RecursionError):
            continue
        if after - start.start() > longest:
            best, longest = value, after - start.start()
    return best


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")
