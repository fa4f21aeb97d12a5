"""Finds the JSON in what a model answered: bare, in a code fence, or with talk around it."""

from __future__ import annotations

import json
import re
from typing import Any, Final, cast

from pydantic import JsonValue

_FENCE: Final = re.compile(r"```[A-Za-z0-9_-]*\s*\n(.*?)```", re.DOTALL)
_LONGEST: Final = 2_000_000
_MOST_STARTS: Final = 200


class NoJsonError(ValueError):
    """There is no JSON in the answer."""


def parse_json_answer(text: str) -> JsonValue:
    """The JSON value in `text`: the whole of it, else the first fenced block that parses, else the first `{` or
    `[` from which a whole value can be read. Raises `NoJsonError`; NaN and Infinity count as not JSON.
    """
    if len(text) > _LONGEST:
        raise NoJsonError(f"the answer is longer than {_LONGEST} characters")
    for candidate in (text.strip(), *(block.strip() for block in _FENCE.findall(text))):
        try:
            return cast(JsonValue, json.loads(candidate, parse_constant=_refuse))
        except (ValueError, RecursionError):
            continue
    decoder = json.JSONDecoder(parse_constant=_refuse)
    starts = [found.start() for found in re.finditer(r"[\[{]", text)][:_MOST_STARTS]
    for start in starts:
        try:
            value: Any = decoder.raw_decode(text, start)[0]
        except (ValueError, RecursionError):
            continue
        return cast(JsonValue, value)
    raise NoJsonError("there is no JSON in the answer")


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")
