"""The ASGI application: which path leads to which endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.gateway.actors import ActorEndpoints
from runtime.gateway.approvals import ApprovalEndpoints
from runtime.gateway.breakers import BreakerEndpoints
from runtime.gateway.budgets import BudgetEndpoints
from runtime.gateway.controls import ControlEndpoints
from runtime.gateway.endpoint import Answer, Desk, answering
from runtime.gateway.evolutions import EvolutionEndpoints
from runtime.gateway.guard import Guard
from runtime.gateway.history import EventHistory
from runtime.gateway.insight import InsightEndpoints
from runtime.gateway.library import LibraryEndpoints
from runtime.gateway.openapi import openapi_document
from runtime.gateway.problems import answer_http_exception
from runtime.gateway.rerunning import RerunEndpoints
from runtime.gateway.results import ResultEndpoints
from runtime.gateway.runs import RunEndpoints
from runtime.gateway.sessions import SessionEndpoints
from runtime.gateway.streams import HEARTBEAT_S, EventStream
from runtime.gateway.trust import TrustEndpoints
from runtime.gateway.view import NodeView
from runtime.gateway.wire import WireResponse
from runtime.patience import answer_s, entry_s


def build_app(
    view: NodeView, history: EventHistory, closing: asyncio.Event, guard: Guard, *, heartbeat_s: float = HEARTBEAT_S
) -> Starlette:
    """The application over one node, for those whom `guard` lets in. `closing` ends its streams."""
    desk = Desk(view, history, closing)
    runs = RunEndpoints(desk)
    results = ResultEndpoints(desk)
    reruns = RerunEndpoints(desk, runs)
    library = LibraryEndpoints(desk)
    stream = EventStream(desk, heartbeat_s=heartbeat_s)
    controls = ControlEndpoints(desk)
    insight = InsightEndpoints(desk)
    breakers = BreakerEndpoints(desk)
    budgets = BudgetEndpoints(desk)
    evolutions = EvolutionEndpoints(desk)
    actors = ActorEndpoints(desk)
    sessions = SessionEndpoints(desk)
    approvals = ApprovalEndpoints(desk)
    trust = TrustEndpoints(desk)

    def route(
        method: str,
        path: str,
        endpoint: Answer,
        *,
        patient: bool = False,
        within_s: Callable[[float], float] = answer_s,
    ) -> Route:
        # Patient ones wait for a run by request and keep a deadline of their own.
        deadline = None if patient else (lambda: within_s(desk.deadline_s))
        return Route(
            path, answering(endpoint, deadline, lambda request: guard.admit(request, method, path)), methods=[method]
        )

    return Starlette(
        routes=[
            route("POST", "/v1/runs", runs.submit, patient=True),
            route("GET", "/v1/runs", runs.list),
            route("GET", "/v1/runs/{run_id}", runs.get),
            route("GET", "/v1/runs/{run_id}/events", stream.events),
            route("GET", "/v1/runs/{run_id}/outcome", runs.wait, patient=True),
            route("GET", "/v1/runs/{run_id}/results/{step:path}", results.result),
            route("GET", "/v1/runs/{run_id}/outputs", results.outputs),
            route("POST", "/v1/runs/{run_id}/cancel", runs.cancel),
            route("GET", "/v1/runs/{run_id}/history", reruns.history),
            route("POST", "/v1/runs/{run_id}/replay", reruns.replay, within_s=entry_s),
            route("POST", "/v1/runs/{run_id}/resume", reruns.resume, within_s=entry_s),
            route("POST", "/v1/journal/vacuum", reruns.vacuum, patient=True),
            route("POST", "/v1/validate", runs.validate),
            route("GET", "/v1/pipelines", library.list),
            route("GET", "/v1/pipelines/{name}", library.versions),
            route("PUT", "/v1/pipelines/{name}", library.register),
            route("GET", "/v1/pipelines/{name}/{version}", library.get),
            route("PUT", "/v1/pipelines/{name}/{version}", library.register),
            route("DELETE", "/v1/pipelines/{name}/{version}", library.unregister),
            route("GET", "/v1/status", insight.status),
            route("GET", "/v1/tree", insight.tree),
            route("GET", "/v1/ps", insight.processes),
            route("GET", "/v1/logs", insight.logs),
            route("GET", "/v1/audit", insight.audit),
            route("GET", "/v1/kill-switches", controls.switches),
            route("POST", "/v1/kill-switches", controls.trigger),
            route("POST", "/v1/kill-switches/arm", controls.arm),
            route("POST", "/v1/kill-switches/dry-run", controls.preview),
            route("GET", "/v1/breakers", breakers.list),
            route("GET", "/v1/budgets", budgets.state),
            route("POST", "/v1/budgets", budgets.set),
            route("GET", "/v1/budgets/report", budgets.report),
            route("POST", "/v1/breakers/{order}", breakers.order),
            route("POST", "/v1/evolutions", evolutions.start),
            route("GET", "/v1/evolutions/{evolution_id}", evolutions.get),
            route("GET", "/v1/approvals", approvals.list),
            route("GET", "/v1/approvals/{approval_id:path}", approvals.get),
            route("POST", "/v1/approvals/{approval_id:path}", approvals.answer),
            route("GET", "/v1/trust", trust.list),
            route("POST", "/v1/trust", trust.set),
            route("GET", "/v1/sessions", sessions.list),
            route("GET", "/v1/sessions/{name:path}", sessions.get),
            route("DELETE", "/v1/sessions/{name:path}", sessions.forget),
            route("GET", "/v1/actors/{name:path}", actors.get),
            route("POST", "/v1/actors/{name:path}/suspend", actors.suspend),
            route("POST", "/v1/actors/{name:path}/resume", actors.resume),
            route("POST", "/v1/actors/{name:path}/trace", actors.trace),
            route("POST", "/v1/actors/{name:path}/kill", controls.kill_actor),
            route("POST", "/v1/shutdown", controls.shutdown),
            route("GET", "/openapi.json", _openapi),
        ],
        exception_handlers={HTTPException: answer_http_exception},
    )


async def _openapi(_request: Request) -> Response:
    return WireResponse(openapi_document())
