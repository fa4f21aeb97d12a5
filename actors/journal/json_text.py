"""JSON as the journal writes it: ASCII-escaped, so that any text a model returns, lone surrogates included, comes back
as it was."""

from __future__ import annotations

import json
from typing import Any

from pydantic import JsonValue

# Made once: `json.dumps` makes a new one at each call that has options.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder()


def as_json(value: JsonValue) -> str:
    """`value` in one line. Raises `TypeError`, `ValueError` or `RecursionError` where JSON has no form for it."""
    return _ENCODER.encode(value)


def from_json(text: str) -> Any:
    """What `as_json` made it from. Raises `json.JSONDecodeError` where it is no JSON."""
    # Not `loads`, which looks for white space around the value: with a small one that takes longer than to read it.
    value, end = _DECODER.raw_decode(text)
    return value if end == len(text) else json.loads(text)
