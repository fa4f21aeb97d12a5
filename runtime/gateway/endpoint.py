"""What all endpoints share: the node's parts they may use, deadlines, and errors as answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from runtime.gateway.body import read_body
from runtime.gateway.history import EventHistory
from runtime.gateway.problems import ApiError, as_api_error
from runtime.gateway.view import NodeView

M = TypeVar("M", bound=BaseModel)
Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Desk:
    """What an endpoint has at hand."""

    view: NodeView
    history: EventHistory
    closing: asyncio.Event

    @property
    def deadline_s(self) -> float:
        """How long an ordinary answer may take."""
        return self.view.settings.limits.request_timeout_s

    async def body(self, request: Request, model: type[M]) -> M:
        """The checked body of a request."""
        limits = self.view.settings.limits
        return await read_body(request, model, limit_bytes=limits.request_bytes, timeout_s=limits.request_timeout_s)

    async def call(self, actor: str, message: object, timeout_s: float | None = None) -> Any:
        """Asks a named actor. Kernel errors are mapped by `answering`."""
        return await self.view.kernel.ref(actor).call(message, timeout_s=timeout_s or self.deadline_s)


def answering(endpoint: Answer, deadline_s: Callable[[], float] | None = None) -> Answer:
    """`endpoint` with its errors as JSON answers, and with a deadline when one is given."""

    async def answer(request: Request) -> Response:
        try:
            async with asyncio.timeout(deadline_s() if deadline_s is not None else None):
                return await endpoint(request)
        except Exception as error:  # noqa: BLE001 - the border: whatever it is, the client gets an answer, the log the trace
            return as_api_error(error).response()

    return answer


def whole_number(request: Request, name: str, default: int, highest: int) -> int:
    """A query parameter from 0 to `highest`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= highest):
        raise ApiError(400, "bad_query", f"{name} must be a whole number from 0 to {highest}, not {text!r}.")
    return int(text)


def flag(request: Request, name: str) -> bool:
    """A query parameter that is on when it is there, unless it says no."""
    return request.query_params.get(name, "no").lower() not in ("", "no", "0", "false", "off")
