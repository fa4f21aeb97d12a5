"""What pydantic found wrong in a request, in the words of the API: the key, what is wrong, what was expected."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError

EXPECTED = {
    "string_type": "text",
    "string_unicode": "text without lone surrogates (\\ud800 to \\udfff)",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "an object",
}
BOUNDS = {
    "greater_than": ("gt", "more than {}"),
    "greater_than_equal": ("ge", "at least {}"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "at most {}"),
    "string_too_long": ("max_length", "at most {} characters"),
    "string_too_short": ("min_length", "at least {} character(s)"),
    "literal_error": ("expected", "one of {}"),
}


def misfits(error: ValidationError, model: type[BaseModel]) -> list[dict[str, str]]:
    """One {"key", "message"} for each finding, in pydantic's order."""
    return [_misfit(item, model) for item in error.errors(include_url=False, include_input=False)]


def _misfit(item: Any, model: type[BaseModel]) -> dict[str, str]:
    path = [str(part) for part in item["loc"]]
    return {"key": ".".join(path) or "body", "message": _sentence(item, path, model)}


def _sentence(item: Any, path: list[str], model: type[BaseModel]) -> str:
    kind, context = str(item["type"]), item.get("ctx", {})
    if kind == "extra_forbidden":
        known = list(model.model_fields)
        near = difflib.get_close_matches(path[-1][:80], known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return f"there is no key {path[-1][:80]!r}{hint} Known: {', '.join(known)}."
    if kind == "missing":
        return "is missing; it is required."
    if kind in EXPECTED:
        return f"must be {EXPECTED[kind]}."
    if kind in BOUNDS:
        fact, words = BOUNDS[kind]
        return f"must be {words.format(context.get(fact))}."
    return f"{str(item['msg']).removeprefix('Value error, ')}."
