"""Schemas of `claude_extract`: the mission's free form read as JSON Schema, and data checked against one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import JsonValue

from pipelines.extraction.misfits import find_misfits

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_WORDS: Final = {"text": "string", "str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_MARKS: Final = frozenset({"$defs", "oneOf", "anyOf", "allOf", "enum", "const", "required", "not"})
_KEYWORDS: Final = _MARKS | {
    "$anchor", "$comment", "$dynamicAnchor", "$dynamicRef", "$id", "$vocabulary", "additionalProperties", "contains",
    "contentEncoding", "contentMediaType", "contentSchema", "default", "definitions", "dependentRequired",
    "dependentSchemas", "deprecated", "description", "else", "example", "examples", "exclusiveMaximum",
    "exclusiveMinimum", "format", "if", "items", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum",
    "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "nullable", "pattern",
    "patternProperties", "prefixItems", "propertyNames", "readOnly", "then", "title", "type", "unevaluatedItems",
    "unevaluatedProperties", "uniqueItems", "writeOnly",
}  # fmt: skip


def is_json_schema(schema: JsonValue) -> bool:
    """Whether `schema` is JSON Schema already: it uses a keyword that says so, and nothing else but keywords (a map
    with `type: string` and `severity: string` names two fields)."""
    if not isinstance(schema, Mapping):
        return isinstance(schema, bool)
    if "$schema" in schema or "$ref" in schema or isinstance(schema.get("properties"), Mapping):
        return True
    if not all(key in _KEYWORDS or key.startswith("x-") for key in schema):
        return False
    return _names_a_type(schema.get("type")) or bool(_MARKS & schema.keys())


def _names_a_type(kind: JsonValue) -> bool:
    if isinstance(kind, list):
        return bool(kind) and all(each in _TYPES for each in kind)
    return isinstance(kind, str) and kind in _TYPES


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


def normalise_parameters(parameters: JsonValue) -> dict[str, Any]:
    """The parameters of a function as JSON Schema: the free form of a schema, except that a parameter with a list of
    words takes some of these words (`metrics: [latency, cost]`); in a schema they would be fields of a map."""
    if not isinstance(parameters, Mapping) or is_json_schema(parameters):
        return normalise_schema(parameters)
    return _read({name: _choices(each) for name, each in parameters.items()})


def _choices(value: JsonValue) -> JsonValue:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        return value
    words = [str(each) for each in value]
    if len(words) == 1 and (words[0].lower() in _TYPES or words[0].lower() in _WORDS):
        return value
    items: JsonValue = {"type": "string", "enum": list[JsonValue](words)}
    return {"type": "array", "items": items, "minItems": 1}


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
    """`find_misfits` as texts, `$.path: sentence`; a schema that is itself wrong is told as `schema: ...`."""
    return tuple(map(str, find_misfits(schema, data)))
