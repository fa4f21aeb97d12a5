"""Reads a request's body within its limits and checks it against a model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from runtime.gateway.exchange import whole_body
from runtime.gateway.misfits import misfits
from runtime.gateway.problems import ApiError
from runtime.gateway.strict_json import BadJsonError, read_json

M = TypeVar("M", bound=BaseModel)
LARGE_BODY_BYTES = 65_536
MOST_KEYS = 200  # many times what any request has: each that nobody knows costs a sentence


async def read_body(
    request: Request,
    model: type[M],
    *,
    limit_bytes: int,
    timeout_s: float,
    aside: Callable[..., Awaitable[Any]] = asyncio.to_thread,
) -> M:
    """The checked body. Raises `ApiError`: 413 too large, 408 too slow, 400 no JSON, 422 not what was expected.

    `aside` runs a function in a thread: what takes megabytes would hold up every actor of the node.
    """
    raw = await _read(request, limit_bytes, timeout_s)
    return _checked(raw, model) if len(raw) < LARGE_BODY_BYTES else await aside(_checked, raw, model)


def _checked(raw: bytes, model: type[M]) -> M:
    try:
        value = read_json(raw)
    except BadJsonError as error:
        raise ApiError(400, "bad_json", f"{error}.") from error
    if not isinstance(value, dict):
        raise ApiError(400, "bad_json", "the body must be a JSON object, such as {}; see GET /openapi.json.")
    keys = len(cast("dict[str, Any]", value))
    if keys > MOST_KEYS:
        known = ", ".join(model.model_fields) or "none"
        raise ApiError(422, "invalid_request", f"the request has {keys} keys; known: {known}.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = misfits(error, model)
        first = details[0]
        raise ApiError(
            422, "invalid_request", f"the request is not valid: {first['key']}: {first['message']}", details
        ) from error


async def _read(request: Request, limit_bytes: int, timeout_s: float) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise _too_large(limit_bytes)
    whole = whole_body(request.scope)
    if whole is not None:
        if len(whole) > limit_bytes:
            raise _too_large(limit_bytes)
        return whole
    received = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                received += chunk
                if len(received) > limit_bytes:
                    raise _too_large(limit_bytes)
    except TimeoutError as error:
        raise ApiError(408, "too_slow", f"the body did not arrive within {timeout_s:g} s.") from error
    except ClientDisconnect as error:
        raise ApiError(400, "disconnected", "the client went away before its request was complete.") from error
    return bytes(received)


def _too_large(limit_bytes: int) -> ApiError:
    setting = " (limits.request_bytes)" if limit_bytes >= LARGE_BODY_BYTES else ""
    return ApiError(413, "too_large", f"the request is larger than {limit_bytes} bytes{setting}.")
