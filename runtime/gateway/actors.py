"""Endpoints for one actor: look inside, hold up, let go, trace."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from actors.audit import decisions
from actors.kernel import ActorRef, find, inspect, resume, suspend, trace, untrace
from runtime.gateway.endpoint import Desk
from runtime.gateway.problems import ApiError
from runtime.gateway.schemas import NothingBody, TraceBody
from runtime.gateway.wire import WireResponse, to_wire


class ActorEndpoints:
    """All answer with the actor as it is then. None of them sends it a message, so one that hangs is shown too."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get(self, request: Request) -> Response:
        """GET /v1/actors/{name}."""
        return self._report(the_actor(self._desk, request))

    async def suspend(self, request: Request) -> Response:
        """POST /v1/actors/{name}/suspend: its user messages wait; its supervisor and a kill still reach it."""
        await self._desk.body(request, NothingBody)
        ref = the_actor(self._desk, request)
        suspend(ref)
        self._desk.record(decisions.actor_handled, request, "suspended", str(ref))
        return self._report(ref)

    async def resume(self, request: Request) -> Response:
        """POST /v1/actors/{name}/resume."""
        await self._desk.body(request, NothingBody)
        ref = the_actor(self._desk, request)
        resume(ref)
        self._desk.record(decisions.actor_handled, request, "resumed", str(ref))
        return self._report(ref)

    async def trace(self, request: Request) -> Response:
        """POST /v1/actors/{name}/trace: keeps its last messages until it ends, or until a trace of 0."""
        body = await self._desk.body(request, TraceBody)
        ref = the_actor(self._desk, request)
        if body.keep:
            trace(ref, body.keep)
        else:
            untrace(ref)
        self._desk.record(decisions.actor_handled, request, "traced", str(ref))
        return self._report(ref)

    def _report(self, ref: ActorRef[Any]) -> Response:
        history = self._desk.view.restart_log.of(str(ref))
        return WireResponse({**to_wire(inspect(ref)), "restart_history": history})


def the_actor(desk: Desk, request: Request) -> ActorRef[Any]:
    """The live actor that the path names. Raises `ApiError` 404."""
    name = request.path_params["name"]
    ref = find(desk.view.kernel, name)
    if ref is None:
        raise ApiError(404, "no_such_actor", f"there is no live actor named {name!r}; `evopipe ps` lists them.")
    return ref
