"""The smallest instance of a JSON schema, as a model under structured output would give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def instance_of(schema: Mapping[str, Any]) -> Any:
    """A value that conforms to `schema` as far as types, enums, required keys and item counts go."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for variants in ("anyOf", "oneOf"):
        if variants in schema:
            return instance_of(schema[variants][0])
    named: Any = schema.get("type", "string")
    kind: str = named if isinstance(named, str) else named[0]
    match kind.lower():  # Gemini's own schemas write types in capitals
        case "object":
            return {name: instance_of(part) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [instance_of(schema.get("items", {}))] * max(1, schema.get("minItems", 1))
        case "integer":
            return int(schema.get("minimum", 1))
        case "number":
            return float(schema.get("minimum", 0.5))
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "text"
