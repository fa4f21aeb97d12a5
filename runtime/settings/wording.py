"""Pydantic's findings in our words: place, key, what was expected, how to put it right."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from runtime.settings.errors import Problem
from runtime.settings.layers import KeyPath, Place
from runtime.settings.model import Settings

SourceOf = Callable[[KeyPath], tuple[str, Place | None]]

EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "string_type": "text",
    "path_type": "a path",
    "tuple_type": "a list",
    "finite_number": "a finite number",
    "decimal_parsing": "a decimal number",
    "decimal_type": "a decimal number",
    "model_type": "a section with keys",
}


def problems_of(error: ValidationError, source_of: SourceOf) -> tuple[Problem, ...]:
    """One `Problem` for each finding, in the order of the keys."""
    found: list[Problem] = []
    for item in error.errors(include_url=False):
        path = tuple(str(part) for part in item["loc"])
        source, place = source_of(path)
        message, expected, fix = _words(item["type"], path, item["msg"], item.get("ctx", {}))
        found.append(
            Problem(
                source=source,
                line=place.line if place else None,
                column=place.column if place else None,
                key=".".join(path),
                message=message,
                expected=expected,
                fix=fix,
            )
        )
    return tuple(found)


def _words(kind: str, path: KeyPath, message: str, context: dict[str, Any]) -> tuple[str, str, str]:
    if kind == "extra_forbidden":
        known = known_keys(path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.6)
        fix = f"write {near[0]!r}." if near else "remove it."
        if path[-1] == "api_key":
            fix = "settings hold no keys: set the variable that api_key_env names, or name a file in api_key_file."
        return f"there is no setting {path[-1]!r} here.", f"one of {', '.join(known)}" if known else "another key", fix
    if kind == "literal_error":
        return "not one of the allowed values.", str(context.get("expected")), "choose one of these."
    if kind == "missing":
        return "is missing.", "a value", "set it."
    if kind in EXPECTED:
        return "has the wrong type.", EXPECTED[kind], f"give {EXPECTED[kind]}."
    bounds = {
        "greater_than": ("gt", "more than"),
        "greater_than_equal": ("ge", "at least"),
        "less_than": ("lt", "less than"),
        "less_than_equal": ("le", "at most"),
    }
    if kind in bounds:
        key, words = bounds[kind]
        bound = f"{words} {context.get(key):.15g}"
        return "is out of range.", bound, f"give a value of {bound}."
    if kind == "decimal_max_places":
        most = f"at most {context.get('decimal_places')} decimals"
        return "is too fine.", most, f"give {most}."
    if kind == "string_pattern_mismatch" and path[-1:] == ("api_key_env",):
        fix = "name the variable here and put the key into it."
        return "is no name of an environment variable.", "capitals, digits and _ (never the key itself)", fix
    if kind == "invalid_key":
        return "is no text.", "a name", "quote it, or correct it."
    if kind == "value_error" and path == ("metrics", "host"):
        return f"{context.get('error')}.", "127.0.0.1, ::1 or localhost", "use 127.0.0.1 and a local scraper or proxy."
    if kind == "value_error":
        return f"{context.get('error')}.", "settings that fit together", "correct it."
    return f"{message}.", "a valid value", "correct it."


def known_keys(section: KeyPath) -> list[str]:
    """The keys that a section of the settings has, in their order."""
    model: type[BaseModel] = Settings
    parts = iter(section)
    for part in parts:
        annotation: Any = model.model_fields[part].annotation if part in model.model_fields else None
        if get_origin(annotation) is dict:
            if next(parts, None) is None:  # names of the user's own
                return []
            annotation = get_args(annotation)[1]
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return [name for name in model.model_fields if name != "config_file"]
