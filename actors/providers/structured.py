"""Reads a model's JSON answer and holds it to the schema that was asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from actors.providers.errors import RefusedError, TransientError

_SHOWN = 200


def read_structured(provider: str, text: str, schema: Mapping[str, Any], *, truncated: bool) -> Any:
    """The data in `text`, conforming to `schema`.

    The schema has been through `check_schema`. Raises `RefusedError` "truncated" when the answer was cut at
    `max_tokens`, `TransientError` "malformed_data" or "schema_mismatch" otherwise (another try may do better).
    """
    try:
        data = json.loads(text)
    except ValueError:
        if truncated:
            raise RefusedError(
                "truncated", provider, "the JSON answer was cut off at max_tokens. Raise max_tokens"
            ) from None
        raise TransientError("malformed_data", provider, "the answer is not the JSON that was asked for") from None
    _conform(provider, data, schema)
    return data


def _conform(provider: str, data: Any, schema: Mapping[str, Any]) -> None:
    import jsonschema.exceptions  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    # An empty registry: jsonschema's default one opens the URLs and files that a schema refers to.
    validator: Any = jsonschema.Draft202012Validator(schema, registry=Registry())
    try:
        fault: Any = cast("Any", jsonschema.exceptions).best_match(validator.iter_errors(data))
    except Unresolvable as error:
        raise RefusedError("bad_schema", provider, f"the JSON schema has nothing at {error.ref!r}") from None
    if fault is not None:
        raise TransientError(
            "schema_mismatch", provider, f"the answer breaks the schema at {fault.json_path}: {fault.message[:_SHOWN]}"
        )


async def check_schema(provider: str, schema: Mapping[str, Any] | None) -> None:
    """Raises `RefusedError` "bad_schema" for a schema that is none, before a call is paid for.

    Works on a thread: jsonschema takes a tenth of a second to import, and only structured calls need it.
    """
    if schema is not None:
        await asyncio.to_thread(_check, provider, schema)


def _check(provider: str, schema: Mapping[str, Any]) -> None:
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise RefusedError("bad_schema", provider, f"the JSON schema is invalid: {error.message[:_SHOWN]}") from None
    outside = next(_references_outside(schema), None)
    if outside is not None:
        raise RefusedError(
            "bad_schema", provider, f"the JSON schema refers to {outside[:_SHOWN]!r}; only '#...' inside of it is read"
        )


def _references_outside(schema: object) -> Iterator[str]:
    waiting: list[object] = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            parts = cast("Mapping[str, object]", each)
            for key in ("$ref", "$dynamicRef"):
                ref = parts.get(key)
                if isinstance(ref, str) and not ref.startswith("#"):
                    yield ref
            waiting += parts.values()
        elif isinstance(each, list):
            waiting += cast("list[object]", each)
