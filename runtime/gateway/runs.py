"""Endpoints about runs: submit, look, wait, cancel, validate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from actors.killswitch import BoardState, SwitchState
from actors.providers import PROVIDERS
from actors.runs import AwaitRun, CancelRun, GetRun, ListRuns, RunRequest, SubmitRun, load_known
from pipelines.language import InvalidPipelineError, Pipeline
from pipelines.linking import has_references
from runtime.gateway.definitions import check_inputs, definition_of, diagnostics, link_definition
from runtime.gateway.endpoint import Desk, whole_number
from runtime.gateway.large_values import outcome_answer
from runtime.gateway.problems import ApiError
from runtime.gateway.schemas import SubmitBody, ValidateBody
from runtime.gateway.wire import WireResponse, to_wire
from runtime.gateway.workspace import choose_workspace, make_workspace

WAIT_MARGIN_S = 5.0


class RunEndpoints:
    """The /v1/runs family."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def submit(self, request: Request) -> Response:
        """POST /v1/runs: 202 with the run's id, or with `wait` 200 with its outcome."""
        body = await self._desk.body(request, SubmitBody)
        definition = await definition_of(self._desk, body.definition, body.source, body.pipeline_ref)
        pipeline = definition.pipeline
        check_inputs(pipeline, body.inputs)
        await self._admit(pipeline)
        workspace = await asyncio.to_thread(
            lambda: make_workspace(
                choose_workspace(
                    asked=body.workspace,
                    declared=str(pipeline.workspace_dir) if pipeline.workspace_dir else None,
                    base_dir=body.base_dir,
                    fallback=self._desk.view.settings.workspace,
                )
            )
        )
        run = RunRequest(
            run_id=self._new_id(),
            pipeline=pipeline,
            inputs=dict(body.inputs),
            workspace=str(workspace),
            source_text=definition.text,
            idempotency_key=body.idempotency_key,
            asked=definition.asked,
            references=definition.references,
        )
        run_id = await self._desk.call("runs", SubmitRun(run))
        if body.wait:
            return await self._outcome(str(run_id), body.timeout_s)
        accepted: dict[str, Any] = {"run_id": run_id, "pipeline": pipeline.name, "workspace": str(workspace)}
        if definition.references:
            accepted["references"] = definition.references
        return WireResponse(accepted, status_code=202, headers={"location": f"/v1/runs/{run_id}"})

    async def list(self, request: Request) -> Response:
        """GET /v1/runs?limit=N: the newest runs first."""
        limit = whole_number(request, "limit", 100, 10_000)
        return WireResponse({"runs": await self._desk.call("runs", ListRuns(limit))})

    async def get(self, request: Request) -> Response:
        """GET /v1/runs/{id}."""
        return WireResponse(await find_run(self._desk, request.path_params["run_id"]))

    async def wait(self, request: Request) -> Response:
        """GET /v1/runs/{id}/outcome?timeout_s=N: 200 with the outcome, or 202 when it goes on."""
        seconds = whole_number(request, "timeout_s", 60, 3600)
        run_id = request.path_params["run_id"]
        await find_run(self._desk, run_id)
        return await self._outcome(run_id, max(float(seconds), 0.05))

    async def cancel(self, request: Request) -> Response:
        """POST /v1/runs/{id}/cancel: 202; a run that has ended stays as it is."""
        run_id = request.path_params["run_id"]
        await find_run(self._desk, run_id)
        answer = await self._desk.call("runs", CancelRun(run_id))
        return WireResponse({"run_id": run_id, "cancelled": to_wire(answer)}, status_code=202)

    async def validate(self, request: Request) -> Response:
        """POST /v1/validate: 200 in both cases, with everything that is wrong."""
        body = await self._desk.body(request, ValidateBody)
        try:
            pipeline = await asyncio.to_thread(
                load_known, body.definition, source=body.source, known_providers=PROVIDERS
            )
        except InvalidPipelineError as error:
            return _not_valid(diagnostics(error))
        if has_references(pipeline):
            try:
                await link_definition(self._desk, body.definition, body.source)
            except ApiError as error:
                return _not_valid(error.details)
        return WireResponse(
            {"valid": True, "name": pipeline.name, "content_hash": pipeline.content_hash, "diagnostics": []}
        )

    async def _outcome(self, run_id: str, timeout_s: float) -> Response:
        try:
            async with asyncio.timeout(timeout_s):
                outcome = await self._desk.call(
                    "runs", AwaitRun(run_id, timeout_s=timeout_s), timeout_s=timeout_s + WAIT_MARGIN_S
                )
        except TimeoutError:  # RunStillRunningError is one, too
            return WireResponse({"run_id": run_id, "status": "running"}, status_code=202)
        settings = self._desk.view.settings
        return await outcome_answer(outcome, settings.journal.large_bytes, settings.limits.answer_bytes)

    async def _admit(self, pipeline: Pipeline) -> None:
        """Refuses at the door what a kill switch would stop at once; an unanswered question is a refusal."""
        if self._desk.view.shutdown.draining.is_set():
            raise ApiError(503, "stopping", "the node is stopping and takes no new runs.")
        for switch in triggered_switches(await self._desk.call("kill_board", SwitchState())):
            if switch["level"] == "node" or (switch["level"] == "pipeline" and switch["name"] == pipeline.name):
                what = f"{switch['level']} {switch['name']}".strip()
                raise ApiError(
                    423,
                    "kill_switch",
                    f"the {what} kill switch is triggered ({switch.get('reason') or 'no reason given'}); "
                    f"`evopipe arm {what} --reason ...` makes it ready again.",
                    [switch],
                )

    def _new_id(self) -> str:
        kernel = self._desk.view.kernel
        return f"run-{int(kernel.clock.wall() * 1000):012x}{kernel.rng.getrandbits(32):08x}"


def _not_valid(found: Sequence[object]) -> Response:
    return WireResponse({"valid": False, "name": None, "content_hash": None, "diagnostics": list(found)})


async def find_run(desk: Desk, run_id: str) -> dict[str, Any]:
    """What is known of a run. Raises `NoSuchRunError`."""
    known: dict[str, Any] = to_wire(await desk.call("runs", GetRun(run_id)))
    return known


def triggered_switches(state: BoardState) -> list[dict[str, Any]]:
    """The triggered switches in a board's snapshot, as plain values."""
    plain: dict[str, Any] = to_wire(state)
    return list(plain["triggered"])
