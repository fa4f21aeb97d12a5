"""Endpoints about evolution: start one, look at it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from actors.audit import decisions
from actors.evolution import Evolve, GetEvolution
from runtime.gateway.definitions import check_inputs, definition_of
from runtime.gateway.endpoint import Desk
from runtime.gateway.guard import peer_of
from runtime.gateway.guarding import Doorman
from runtime.gateway.schemas import EvolveBody
from runtime.gateway.wire import WireResponse


class EvolutionEndpoints:
    """The /v1/evolutions family."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._doorman = Doorman(desk)

    async def start(self, request: Request) -> Response:
        """POST /v1/evolutions: 202 with the evolution's id."""
        body = await self._desk.body(request, EvolveBody)
        pipeline = (await definition_of(self._desk, body.definition, body.source)).pipeline
        check_inputs(pipeline, body.inputs)
        await self._doorman.check_user(request, pipeline, "evolution")
        started = await self._desk.call(
            "breeding",
            Evolve(
                pipeline=pipeline,
                inputs=dict(body.inputs),
                generations=body.generations,
                population=body.population,
                budget_requests=body.budget_requests,
                seed=body.seed,
                tenant=peer_of(request).tenant,
            ),
        )
        limits = body.model_dump(include={"generations", "population", "budget_requests", "seed"})
        self._desk.record(decisions.evolution_started, request, str(started), pipeline.name, limits)
        return WireResponse({"evolution_id": started}, status_code=202)

    async def get(self, request: Request) -> Response:
        """GET /v1/evolutions/{id}: how far it is, and its best genome as YAML."""
        return WireResponse(await self._desk.call("breeding", GetEvolution(request.path_params["evolution_id"])))
