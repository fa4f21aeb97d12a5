"""Endpoints about runs: submit, look, wait, cancel, validate."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response

from actors.audit import decisions
from actors.journal import FindRun
from actors.killswitch import BoardState, SwitchState
from actors.providers import PROVIDERS
from actors.runs import AwaitRun, CancelRun, GetRun, ListRuns, RunRequest, SubmitRun, load_known
from pipelines.guardrails.kill_switch import Subject, blocked, label
from pipelines.language import InvalidPipelineError, Pipeline
from pipelines.linking import has_references
from runtime.gateway.content import shown
from runtime.gateway.definitions import check_inputs, definition_of, diagnostics, link_definition
from runtime.gateway.endpoint import Desk, whole_number
from runtime.gateway.exchange import until_left
from runtime.gateway.guard import peer_of
from runtime.gateway.guarding import Doorman, tenant_of
from runtime.gateway.large_values import outcome_answer
from runtime.gateway.problems import ApiError
from runtime.gateway.recorded import recorded
from runtime.gateway.roles import Role
from runtime.gateway.schemas import SubmitBody, ValidateBody
from runtime.gateway.wire import WireResponse, to_wire
from runtime.gateway.workspace import Wanted, Workspaces
from runtime.patience import RUN_ENTRY_S

WAIT_MARGIN_S = 5.0
ENDED = frozenset({"succeeded", "failed", "cancelled"})


class RunEndpoints:
    """The /v1/runs family."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._doorman = Doorman(desk)
        self._workspaces = Workspaces(desk.view.kernel.clock.now)

    async def submit(self, request: Request) -> Response:
        """POST /v1/runs: 202 with the run's id, or with `wait` 200 with its outcome."""
        body = await self._desk.body(request, SubmitBody)
        definition = await definition_of(self._desk, body.definition, body.source, body.pipeline_ref)
        pipeline = definition.pipeline
        check_inputs(pipeline, body.inputs)
        tenant = tenant_of(request, body.tenant)
        try:
            await self.admit(pipeline, Subject(tenant))
            await self.guard(request, pipeline, body.inputs, tenant)
        except ApiError:
            # Who repeats a request asks for no new run: its first one may be what has used the budget up.
            if not await self._is_known(body.idempotency_key):
                raise
        owner = peer_of(request).role is Role.OWNER
        fallback = self._desk.view.settings.workspace
        workspace = await self._workspaces.make(
            Wanted(
                asked=body.workspace,
                declared=str(pipeline.workspace_dir) if pipeline.workspace_dir else None,
                base_dir=body.base_dir if owner else None,
                fallback=fallback,
                within=None if owner else fallback,
            )
        )
        run = RunRequest(
            run_id=self.new_id(),
            pipeline=pipeline,
            inputs=dict(body.inputs),
            workspace=str(workspace),
            source_text=definition.text,
            idempotency_key=body.idempotency_key,
            asked=definition.asked,
            references=definition.references,
            tenant=tenant,
            submitters=(peer_of(request).person,),
        )
        run_id = await self._desk.call("runs", SubmitRun(run), RUN_ENTRY_S)
        self._desk.record(
            decisions.run_submitted, request, str(run_id),
            pipeline=pipeline.name, content_hash=pipeline.content_hash, workspace=str(workspace),
        )  # fmt: skip
        if body.wait:
            return await self._outcome(request, str(run_id), body.timeout_s)
        accepted: dict[str, Any] = {"run_id": run_id, "pipeline": pipeline.name, "workspace": str(workspace)}
        if definition.references:
            accepted["references"] = definition.references
        return WireResponse(accepted, status_code=202, headers={"location": f"/v1/runs/{run_id}"})

    async def list(self, request: Request) -> Response:
        """GET /v1/runs?limit=N: the newest runs first."""
        limit = whole_number(request, "limit", 100, 10_000)
        return WireResponse({"runs": shown(request, await recorded(self._desk, "runs", ListRuns(limit)))})

    async def get(self, request: Request) -> Response:
        """GET /v1/runs/{id}."""
        return WireResponse(shown(request, await find_run(self._desk, request.path_params["run_id"])))

    async def wait(self, request: Request) -> Response:
        """GET /v1/runs/{id}/outcome?timeout_s=N: 200 with the outcome, or 202 when it goes on."""
        seconds = whole_number(request, "timeout_s", 60, 3600)
        run_id = request.path_params["run_id"]
        async with self._desk.loading_turn(request):
            if (await _known(self._desk, run_id)).get("status") in ENDED:
                return await self._outcome(request, run_id, self._desk.deadline_s)
        return await self._outcome(request, run_id, max(float(seconds), 0.05))

    async def cancel(self, request: Request) -> Response:
        """POST /v1/runs/{id}/cancel: 202; a run that has ended stays as it is."""
        run_id = request.path_params["run_id"]
        await find_run(self._desk, run_id)
        answer = await self._desk.call("runs", CancelRun(run_id))
        self._desk.record(decisions.run_cancel_asked, request, run_id, answer is True)
        return WireResponse({"run_id": run_id, "cancelled": to_wire(answer)}, status_code=202)

    async def validate(self, request: Request) -> Response:
        """POST /v1/validate: 200 in both cases, with everything that is wrong."""
        body = await self._desk.body(request, ValidateBody)
        try:
            pipeline = await self._desk.aside(
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

    async def _outcome(self, request: Request, run_id: str, timeout_s: float) -> Response:
        try:
            async with asyncio.timeout(timeout_s) as wait:
                with until_left(request.scope, wait):
                    outcome = await self._desk.call(
                        "runs", AwaitRun(run_id, timeout_s=timeout_s), timeout_s=timeout_s + WAIT_MARGIN_S
                    )
        except TimeoutError:  # RunStillRunningError is one, too
            return WireResponse({"run_id": run_id, "status": "running"}, status_code=202)
        if not peer_of(request).sees_content:
            return WireResponse(shown(request, outcome))
        settings = self._desk.view.settings
        return await outcome_answer(outcome, settings.journal.large_bytes, settings.limits.answer_bytes)

    async def admit(self, pipeline: Pipeline, subject: Subject) -> None:
        """Refuses at the door what a kill switch would stop at once; an unanswered question is a refusal."""
        if self._desk.view.shutdown.draining.is_set():
            raise ApiError(503, "stopping", "the node is stopping and takes no new runs.")
        state: BoardState = await self._desk.call("kill_board", SwitchState())
        switch = blocked({each.key: each for each in state.triggered}, pipeline.name, None, subject)
        if switch is not None:
            what = label(switch.key)
            raise ApiError(
                423,
                "kill_switch",
                f"the {what} kill switch is triggered ({switch.reason or 'no reason given'}); "
                f"`evopipe arm {what} --reason ...` makes it ready again.",
                [to_wire(switch)],
            )

    async def _is_known(self, idempotency_key: str | None) -> bool:
        if idempotency_key is None:
            return False
        return await recorded(self._desk, "journal", FindRun(idempotency_key)) is not None

    async def guard(self, request: Request, pipeline: Pipeline, inputs: Mapping[str, JsonValue], tenant: str) -> None:
        """Refuses what the guardrails of the pipeline's maturity forbid before a run."""
        level = await self._doorman.check_user(request, pipeline)
        await self._doorman.check(level, pipeline, inputs, tenant)

    def new_id(self) -> str:
        kernel = self._desk.view.kernel
        return f"run-{int(kernel.clock.wall() * 1000):012x}{kernel.rng.getrandbits(32):08x}"


def _not_valid(found: Sequence[object]) -> Response:
    return WireResponse({"valid": False, "name": None, "content_hash": None, "diagnostics": list(found)})


async def find_run(desk: Desk, run_id: str) -> dict[str, Any]:
    """What is known of a run. Raises `NoSuchRunError`, and as `Desk.loading_turn` and `recorded` do."""
    async with desk.loading_turn():
        return await _known(desk, run_id)


async def _known(desk: Desk, run_id: str) -> dict[str, Any]:
    known: dict[str, Any] = to_wire(await recorded(desk, "runs", GetRun(run_id)))
    return known
