"""Schemas of `claude_extract`: the mission's free form read as JSON Schema, and data checked against one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import JsonValue
from referencing import Registry
from referencing.exceptions import Unresolvable

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_WORDS: Final = {"text": "string", "str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_MARKS: Final = frozenset({"$schema", "$ref", "$defs", "oneOf", "anyOf", "allOf", "enum", "const", "required"})
_MOST_ERRORS: Final = 20
_LONGEST: Final = 500


def is_json_schema(schema: JsonValue) -> bool:
    """Whether `schema` is JSON Schema already: it says so by a keyword that the free form does not use."""
    if not isinstance(schema, Mapping):
        return isinstance(schema, bool)
    kind = schema.get("type")
    if isinstance(kind, str) and kind in _TYPES:
        return True
    if isinstance(kind, list) and kind and all(k in _TYPES for k in kind):
        return True
    return bool(_MARKS & schema.keys()) or isinstance(schema.get("properties"), Mapping)


def normalise_schema(schema: JsonValue) -> dict[str, Any]:
    """`schema` as JSON Schema.

    The free form of the mission's documents: a map names fields; a list of names is an object with these fields; a
    list of maps or one item is a list of such things; text is a type name, or a description of a text field. Every
    named field is required. JSON Schema passes through unchanged.
    """
    if is_json_schema(schema):
        if isinstance(schema, bool):
            return {} if schema else {"not": {}}
        return cast("dict[str, Any]", schema)
    return _read(schema)


def _read(value: JsonValue) -> dict[str, Any]:
    match value:
        case dict():
            if is_json_schema(value):
                return cast("dict[str, Any]", value)
            fields = {name: _read(inner) for name, inner in value.items()}
            return {"type": "object", "properties": fields, "required": list(fields)}
        case list():
            return _read_list(value)
        case str():
            kind = _WORDS.get(value.strip().lower(), value.strip().lower())
            return {"type": kind} if kind in _TYPES else {"type": "string", "description": value}
        case None:
            return {"type": "string"}
        case bool():
            return {"type": "boolean"}
        case int() | float():
            return {"type": "number"}


def _read_list(items: list[JsonValue]) -> dict[str, Any]:
    if not items:
        return {"type": "array"}
    if all(isinstance(item, str) for item in items) and not (len(items) == 1 and str(items[0]).lower() in _TYPES):
        names = [str(item) for item in items]
        return {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": names}
    if len(items) == 1:
        return {"type": "array", "items": _read(items[0])}
    if all(isinstance(item, Mapping) and len(item) == 1 for item in items):
        joined: dict[str, JsonValue] = {}
        for item in items:
            joined.update(cast("dict[str, JsonValue]", item))
        return _read(joined)
    return {"type": "array", "items": {"anyOf": [_read(item) for item in items]}}


def validate_against(schema: Mapping[str, Any], data: JsonValue) -> tuple[str, ...]:
    """What is wrong with `data`, as `path: sentence`, at most 20 of them; empty when it conforms.

    A schema that is itself wrong is reported as one error of path `schema`. References lead inside the schema only:
    nothing is ever fetched.
    """
    try:
        Draft202012Validator.check_schema(schema)
        # An empty registry: jsonschema's default one would open URLs.
        validator: Any = Draft202012Validator(schema, registry=Registry())
        found: list[Any] = sorted(validator.iter_errors(data), key=lambda e: list(map(str, e.absolute_path)))
    except SchemaError as error:
        return (f"schema: {error.message}"[:_LONGEST],)
    except Unresolvable as error:
        return (f"schema: the reference {error.ref!r} leads nowhere inside the schema"[:_LONGEST],)
    except RecursionError:
        return ("schema: its references lead in a circle, or the data is nested too deeply",)
    return tuple(f"{_path(e.absolute_path)}: {e.message}"[:_LONGEST] for e in found[:_MOST_ERRORS])


def _segment(part: str | int) -> str:
    return f"[{part}]" if isinstance(part, int) else f".{part}"


def _path(parts: Any) -> str:
    return "$" + "".join(_segment(part) for part in parts)
