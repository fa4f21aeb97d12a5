"""JSON as the journal writes it: ASCII-escaped, so that any text a model returns, lone surrogates included, comes back
as it was."""

from __future__ import annotations

import json

from pydantic import JsonValue

# Made once: `json.dumps` makes a new one at each call that has options.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def as_json(value: JsonValue) -> str:
    """`value` in one line. Raises `TypeError`, `ValueError` or `RecursionError` where JSON has no form for it."""
    return _ENCODER.encode(value)
