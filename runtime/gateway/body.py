"""Reads a request's body within its limits and checks it against a model."""

from __future__ import annotations

import asyncio
import difflib
import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from runtime.gateway.problems import ApiError

M = TypeVar("M", bound=BaseModel)
LARGE_BODY_BYTES = 65_536


async def read_body(request: Request, model: type[M], *, limit_bytes: int, timeout_s: float) -> M:
    """The checked body. Raises `ApiError`: 413 too large, 408 too slow, 400 no JSON, 422 not what was expected."""
    raw = await _read(request, limit_bytes, timeout_s)
    # Decoding megabytes would hold up every actor of the node.
    value = _decode(raw) if len(raw) < LARGE_BODY_BYTES else await asyncio.to_thread(_decode, raw)
    if not isinstance(value, dict):
        raise ApiError(400, "bad_json", "the body must be a JSON object.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = [_detail(item, model) for item in error.errors(include_url=False, include_input=False)]
        first = details[0]
        raise ApiError(
            422, "invalid_request", f"the request is not valid: {first['key']}: {first['message']}", details
        ) from error


async def _read(request: Request, limit_bytes: int, timeout_s: float) -> bytes:
    too_large = ApiError(413, "too_large", f"the request is larger than {limit_bytes} bytes (limits.request_bytes).")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise too_large
    received = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                received += chunk
                if len(received) > limit_bytes:
                    raise too_large
    except TimeoutError as error:
        raise ApiError(408, "too_slow", f"the body did not arrive within {timeout_s:g} s.") from error
    except ClientDisconnect as error:
        raise ApiError(400, "disconnected", "the client went away before its request was complete.") from error
    return bytes(received)


def _decode(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ApiError(400, "bad_json", f"the body is not UTF-8 (byte {error.start}).") from error
    except json.JSONDecodeError as error:
        raise ApiError(
            400, "bad_json", f"the body is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from error
    except (RecursionError, ValueError) as error:
        raise ApiError(400, "bad_json", "the body is nested too deeply or holds a number too long.") from error


def _detail(item: Any, model: type[BaseModel]) -> dict[str, str]:
    path = [str(part) for part in item["loc"]]
    message = str(item["msg"])
    if item["type"] == "extra_forbidden":
        known = list(model.model_fields)
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
        message = f"there is no key {path[-1]!r}" + (f"; did you mean {near[0]!r}?" if near else ".")
        message += f" Known: {', '.join(known)}."
    return {"key": ".".join(path) or "body", "message": message}
