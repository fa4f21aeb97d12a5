"""Endpoints about runs: submit, look, wait, cancel, validate."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response

from actors.killswitch import BoardState, SwitchState
from actors.providers import PROVIDERS
from actors.runs import AwaitRun, CancelRun, GetRun, KnownDefinitions, ListRuns, RunRequest, SubmitRun
from pipelines.language import (
    InvalidInputsError,
    InvalidPipelineError,
    Pipeline,
    load_pipeline,
    resolve_inputs,
)
from runtime.gateway.endpoint import Desk, whole_number
from runtime.gateway.problems import ApiError
from runtime.gateway.schemas import SubmitBody, ValidateBody
from runtime.gateway.wire import WireResponse, to_wire
from runtime.gateway.workspace import choose_workspace, make_workspace

WAIT_MARGIN_S = 5.0


class RunEndpoints:
    """The /v1/runs family."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known = KnownDefinitions()

    async def submit(self, request: Request) -> Response:
        """POST /v1/runs: 202 with the run's id, or with `wait` 200 with its outcome."""
        body = await self._desk.body(request, SubmitBody)
        pipeline = await self._compiled(body)
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
            source_text=body.definition,
            idempotency_key=body.idempotency_key,
        )
        run_id = await self._desk.call("runs", SubmitRun(run))
        if body.wait:
            return await self._outcome(str(run_id), body.timeout_s)
        accepted = {"run_id": run_id, "pipeline": pipeline.name, "workspace": str(workspace)}
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
                load_pipeline, body.definition, source=body.source, known_providers=PROVIDERS
            )
        except InvalidPipelineError as error:
            return WireResponse({"valid": False, "name": None, "content_hash": None, "diagnostics": diagnostics(error)})
        return WireResponse(
            {"valid": True, "name": pipeline.name, "content_hash": pipeline.content_hash, "diagnostics": []}
        )

    async def _compiled(self, body: SubmitBody) -> Pipeline:
        known = self._known.get(body.definition)
        if known is None:
            known = await compile_definition(body.definition, body.source)
            self._known.keep(body.definition, known)
        return known

    async def _outcome(self, run_id: str, timeout_s: float) -> Response:
        try:
            async with asyncio.timeout(timeout_s):
                outcome = await self._desk.call(
                    "runs", AwaitRun(run_id, timeout_s=timeout_s), timeout_s=timeout_s + WAIT_MARGIN_S
                )
        except TimeoutError:  # RunStillRunningError is one, too
            return WireResponse({"run_id": run_id, "status": "running"}, status_code=202)
        return WireResponse(outcome)

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


async def compile_definition(definition: str, source: str) -> Pipeline:
    """The checked pipeline. Raises `ApiError` 422 with every diagnostic."""
    try:
        # Megabytes of YAML take seconds: not on the loop.
        return await asyncio.to_thread(load_pipeline, definition, source=source, known_providers=PROVIDERS)
    except InvalidPipelineError as error:
        found = diagnostics(error)
        number = "one error" if len(found) == 1 else f"{len(found)} errors"
        raise ApiError(422, "invalid_pipeline", f"the pipeline has {number}.", found) from error


def check_inputs(pipeline: Pipeline, inputs: Mapping[str, JsonValue]) -> None:
    """Raises `ApiError` 422 when the inputs do not fit what the pipeline declares."""
    try:
        resolve_inputs(pipeline, inputs)
    except InvalidInputsError as error:
        raise ApiError(422, "invalid_inputs", f"{error}.", error.problems) from error


def diagnostics(error: InvalidPipelineError) -> list[dict[str, Any]]:
    """Each diagnostic as facts plus its sentence."""
    return [{**to_wire(item), "text": str(item)} for item in error.diagnostics]


async def find_run(desk: Desk, run_id: str) -> dict[str, Any]:
    """What is known of a run. Raises `NoSuchRunError`."""
    known: dict[str, Any] = to_wire(await desk.call("runs", GetRun(run_id)))
    return known


def triggered_switches(state: BoardState) -> list[dict[str, Any]]:
    """The triggered switches in a board's snapshot, as plain values."""
    plain: dict[str, Any] = to_wire(state)
    return list(plain["triggered"])
