"""Endpoints that act on the node: kill switches, shutdown, and the kill of one actor (for demonstrations)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from actors.killswitch import ArmSwitch, SwitchState, TriggerSwitch
from runtime.gateway.actors import the_actor
from runtime.gateway.endpoint import Desk
from runtime.gateway.schemas import ShutdownBody, SwitchBody
from runtime.gateway.wire import WireResponse, to_wire


class ControlEndpoints:
    """Kill switches and the node's end."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def switches(self, _request: Request) -> Response:
        """GET /v1/kill-switches."""
        return WireResponse(await self._desk.call("kill_board", SwitchState()))

    async def trigger(self, request: Request) -> Response:
        """POST /v1/kill-switches: stops everything at that level until it is armed again."""
        body = await self._desk.body(request, SwitchBody)
        await self._desk.call("kill_board", TriggerSwitch(body.level, body.name, body.reason, _who(body, request)))
        return await self.switches(request)

    async def arm(self, request: Request) -> Response:
        """POST /v1/kill-switches/arm: makes a triggered switch ready again; what it paused goes on."""
        body = await self._desk.body(request, SwitchBody)
        await self._desk.call("kill_board", ArmSwitch(body.level, body.name, body.reason, _who(body, request)))
        return await self.switches(request)

    async def kill_actor(self, request: Request) -> Response:
        """POST /v1/actors/{name}/kill: ends one actor as a crash would; its supervisor decides what follows."""
        ref = the_actor(self._desk, request)
        ref.kill()
        return WireResponse({"killed": str(ref), "class": ref.actor_class.__name__}, status_code=202)

    async def shutdown(self, request: Request) -> Response:
        """POST /v1/shutdown: 202 at once; the node drains and ends. A second request ends it without draining."""
        body = await self._desk.body(request, ShutdownBody)
        shutdown = self._desk.view.shutdown
        shutdown.request(now=body.now)
        return WireResponse({"stopping": True, "draining": to_wire(not shutdown.now.is_set())}, status_code=202)


def _who(body: SwitchBody, request: Request) -> str:
    connection = request.client.host if request.client is not None else "socket"
    return body.who or connection
