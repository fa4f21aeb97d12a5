"""Endpoints of the circuit breakers: look, and set by hand."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from actors.breakers import BreakerStates, OrderBreaker
from runtime.gateway.endpoint import Desk
from runtime.gateway.guard import who_says
from runtime.gateway.schemas import BreakerBody
from runtime.gateway.wire import WireResponse


class BreakerEndpoints:
    """The /v1/breakers family."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, _request: Request) -> Response:
        """GET /v1/breakers: those that were asked yet, or that somebody has set."""
        return WireResponse(await self._desk.call("breakers", BreakerStates()))

    async def order(self, request: Request) -> Response:
        """POST /v1/breakers/{order}: `open` and `close` hold until `reset`."""
        body = await self._desk.body(request, BreakerBody)
        who = who_says(request, body.who)
        order = OrderBreaker(request.path_params["order"], body.name, body.reason, who)
        return WireResponse(await self._desk.call("breakers", order))
