"""Endpoints about conversations: which there are, what was said, the end of one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from actors.audit import decisions
from actors.sessions import ForgetSession, ListSessions, ReadSession
from runtime.gateway.endpoint import Desk, whole_number
from runtime.gateway.wire import WireResponse, to_wire

MOST_TURNS = 1_000


class SessionEndpoints:
    """The /v1/sessions family."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, request: Request) -> Response:
        """GET /v1/sessions?limit=N: the last used first."""
        limit = whole_number(request, "limit", 100, 10_000)
        return WireResponse({"sessions": await self._desk.call("sessions", ListSessions(limit))})

    async def get(self, request: Request) -> Response:
        """GET /v1/sessions/{name}?turns=N: the session and its latest turns, oldest first."""
        turns = whole_number(request, "turns", 20, MOST_TURNS)
        transcript = await self._desk.call("sessions", ReadSession(request.path_params["name"], turns))
        answer = to_wire(transcript)
        return WireResponse({**answer["session"], "latest": answer["turns"]})

    async def forget(self, request: Request) -> Response:
        """DELETE /v1/sessions/{name}: all its turns go."""
        name = request.path_params["name"]
        await self._desk.call("sessions", ForgetSession(name))
        self._desk.record(decisions.session_forgotten, request, name)
        return WireResponse({"forgotten": name})
