"""Endpoints that act on the node: kill switches, shutdown, and the kill of one actor (for demonstrations)."""

from __future__ import annotations

import contextlib

from starlette.requests import Request
from starlette.responses import Response

from actors.audit import AuditError, Flush, decisions
from actors.evolution import EvolutionsUnder
from actors.kernel import KernelError
from actors.killswitch import ArmSwitch, BoardState, SwitchState, Triggered, TriggerSwitch
from actors.runs import MOST_NAMED, PreviewSwitch, SwitchPreview
from pipelines.guardrails.kill_switch import Switch, key_of
from runtime.gateway.actors import the_actor
from runtime.gateway.endpoint import Desk
from runtime.gateway.guard import who_says
from runtime.gateway.schemas import PreviewBody, ShutdownBody, SwitchBody
from runtime.gateway.wire import WireResponse, to_wire

AUDIT_WAIT_S = 2.0


class ControlEndpoints:
    """Kill switches and the node's end."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def switches(self, _request: Request) -> Response:
        """GET /v1/kill-switches."""
        state = to_wire(await self._desk.call("kill_board", SwitchState()))
        unaudited = self._desk.view.audit.problem
        return WireResponse({**state, "problems": [*state["problems"], *([unaudited] if unaudited else ())]})

    async def trigger(self, request: Request) -> Response:
        """POST /v1/kill-switches: stops everything at that level until it is armed again."""
        body = await self._desk.short_body(request, SwitchBody)
        with self._desk.turns.urgent():
            return await self._trigger(request, body)

    async def _trigger(self, request: Request, body: SwitchBody) -> Response:
        who = who_says(request, body.who)
        asked = self._desk.view.kernel.clock.wall()
        done = await self._desk.call("kill_board", TriggerSwitch(body.level, body.name, body.reason, who))
        if isinstance(done, Triggered) and done.switch.at < asked:
            what = f"{body.level} {body.name}".rstrip()
            self._desk.record(decisions.switch_triggered_again, request, what, body.reason)
        # In force already. Whether the audit log has it is told, and changes nothing.
        with contextlib.suppress(AuditError, KernelError, TimeoutError):
            await self._desk.call("audit", Flush(), timeout_s=AUDIT_WAIT_S)
        return await self.switches(request)

    async def preview(self, request: Request) -> Response:
        """POST /v1/kill-switches/dry-run: what that switch would stop now. Nothing is changed."""
        body = await self._desk.body(request, PreviewBody)
        level, name = key_of(body.level, body.name)
        switch = Switch(level, name, "a dry run", "nobody", 0.0)
        held: SwitchPreview = await self._desk.call("runs", PreviewSwitch(switch))
        bred: tuple[str, ...] = await self._desk.call("breeding", EvolutionsUnder(switch))
        state: BoardState = await self._desk.call("kill_board", SwitchState())
        return WireResponse(
            {
                "level": str(level),
                "name": name,
                "in_force": any(each.key == switch.key for each in state.triggered),
                "runs": {"count": held.run_count, "first": held.runs},
                "steps_in_flight": {"count": held.step_count, "first": held.steps},
                "evolutions": {"count": len(bred), "first": bred[:MOST_NAMED]},
                "unanswered": held.unanswered,
            }
        )

    async def arm(self, request: Request) -> Response:
        """POST /v1/kill-switches/arm: makes a triggered switch ready again; what it paused goes on."""
        body = await self._desk.body(request, SwitchBody)
        await self._desk.call("kill_board", ArmSwitch(body.level, body.name, body.reason, who_says(request, body.who)))
        return await self.switches(request)

    async def kill_actor(self, request: Request) -> Response:
        """POST /v1/actors/{name}/kill: ends one actor as a crash would; its supervisor decides what follows."""
        ref = the_actor(self._desk, request)
        ref.kill()
        self._desk.record(decisions.actor_handled, request, "killed", str(ref))
        return WireResponse({"killed": str(ref), "class": ref.actor_class.__name__}, status_code=202)

    async def shutdown(self, request: Request) -> Response:
        """POST /v1/shutdown: 202 at once; the node drains and ends. A second request ends it without draining."""
        body = await self._desk.body(request, ShutdownBody)
        shutdown = self._desk.view.shutdown
        self._desk.record(decisions.node_stop_asked, request, body.now)
        shutdown.request(now=body.now)
        return WireResponse({"stopping": True, "draining": to_wire(not shutdown.now.is_set())}, status_code=202)
