"""`schema`: {schema, data} -> [{path, message}]."""

from __future__ import annotations

from typing import Any

from pipelines.extraction import find_misfits, normalise_schema


def misfits(given: dict[str, Any]) -> list[dict[str, str]]:
    """What is wrong with the data; empty when it conforms."""
    schema = given["schema"]
    # {} is a schema for anything; the free form has no field-less objects to tell it from.
    found = find_misfits(normalise_schema(schema) if schema else {}, given["data"])
    return [{"path": each.path, "message": each.message} for each in found]
