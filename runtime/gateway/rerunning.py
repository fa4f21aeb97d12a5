"""Endpoints about runs that have been: their history, running them again, letting failed ones go on, vacuum."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from actors.audit import decisions
from actors.journal import LoadRun, RunRecord, Vacuum, Vacuumed
from actors.runs import ReopenFailedRun, RunRequest, SubmitRun, TakenOver, load_known, meta_of, request_of
from pipelines.execution import ReplayRefusedError, Takeover, answered_steps, no_longer_held, take_over
from pipelines.guardrails import Subject
from pipelines.language import InvalidPipelineError, Pipeline
from runtime.gateway.definitions import check_inputs, definition_of
from runtime.gateway.endpoint import Desk
from runtime.gateway.guard import peer_of
from runtime.gateway.guarding import tenant_of
from runtime.gateway.problems import ApiError
from runtime.gateway.recorded import recorded
from runtime.gateway.roles import Role
from runtime.gateway.run_history import history_of
from runtime.gateway.runs import RunEndpoints, find_run
from runtime.gateway.schemas import NothingBody, ReplayBody, ResumeBody
from runtime.gateway.wire import WireResponse
from runtime.gateway.workspace import make_workspace
from runtime.patience import RUN_ENTRY_S

VACUUM_MOST_BYTES: Final = 1 << 30
"""A larger journal is not vacuumed by a running node: nothing is recorded meanwhile."""
_VACUUM_WAIT_S: Final = 620.0


class RerunEndpoints:
    """History, replay, resume, vacuum."""

    def __init__(self, desk: Desk, runs: RunEndpoints) -> None:
        self._desk = desk
        self._runs = runs

    async def history(self, request: Request) -> Response:
        """GET /v1/runs/{id}/history."""
        record = await self._record(request)
        return WireResponse(await asyncio.to_thread(history_of, record))

    async def replay(self, request: Request) -> Response:
        """POST /v1/runs/{id}/replay: 202 with the new run's id, what it takes over and what runs anew, and why."""
        body = await self._desk.body(request, ReplayBody)
        record = await self._record(request)
        _check_content(record)
        if not record.finished:
            raise ApiError(
                409, "run_not_ended",
                f"run {record.run_id!r} has not ended ({record.status}); wait for it or cancel it, then replay it.",
            )  # fmt: skip
        old = await _recorded_pipeline(record)
        pipeline, text, asked, references = old, str(record.definition), None, ()
        if body.definition is not None:
            given = await definition_of(self._desk, body.definition, body.source)
            pipeline, text, asked, references = given.pipeline, given.text, given.asked, given.references
        statuses = {path: step.status for path, step in record.steps.items()}
        try:
            plan = take_over(old, pipeline, statuses, body.from_step)
        except ReplayRefusedError as refused:
            raise ApiError(409, refused.code, f"{refused}.") from refused
        _check_answers(old, pipeline, plan.records)
        check_inputs(pipeline, record.inputs)
        if body.dry_run:
            return WireResponse({"run_id": None, "pipeline": pipeline.name, **_told(plan)})
        tenant = peer_of(request).tenant
        await self._runs.admit(pipeline, Subject(tenant))
        await self._runs.guard(request, pipeline, record.inputs, tenant)
        await self._check_workspace(request, record)
        meta: Any = record.meta
        run = RunRequest(
            run_id=self._runs.new_id(),
            pipeline=pipeline,
            inputs=dict(record.inputs),
            workspace=str(meta.get("workspace", "")),
            source_text=text,
            idempotency_key=body.idempotency_key,
            provider_routes=dict(meta.get("provider_routes") or {}),
            asked=asked,
            references=references,
            tenant=tenant,
            submitters=(peer_of(request).person,),
            taken_over=TakenOver(
                record.run_id,
                plan.records,
                {
                    "run_id": record.run_id,
                    "from_step": body.from_step,
                    "definition": "changed" if pipeline.content_hash != old.content_hash else "same",
                    **_told(plan),
                },
            ),
        )
        run_id = await self._desk.call("runs", SubmitRun(run), RUN_ENTRY_S)
        self._desk.record(
            decisions.run_submitted, request, str(run_id),
            pipeline=pipeline.name, content_hash=pipeline.content_hash, workspace=run.workspace,
        )  # fmt: skip
        accepted = {"run_id": run_id, "pipeline": pipeline.name, "workspace": run.workspace, **_told(plan)}
        return WireResponse(accepted, status_code=202, headers={"location": f"/v1/runs/{run_id}"})

    async def resume(self, request: Request) -> Response:
        """POST /v1/runs/{id}/resume: 202; the run goes on under its own id, from what still holds."""
        body = await self._desk.body(request, ResumeBody)
        record = await self._record(request)
        _check_content(record)
        if record.status != "failed":
            raise ApiError(409, "run_not_failed", _not_failed(record))
        meta: Any = record.meta
        tenant = tenant_of(request, meta.get("tenant") or None)
        await self._check_workspace(request, record)
        old, pipeline, text = await self._definitions(record, body)
        await self._runs.admit(pipeline, Subject(tenant))
        check_inputs(pipeline, record.inputs)
        await self._runs.guard(request, pipeline, record.inputs, tenant)
        statuses = {path: step.status for path, step in record.steps.items()}
        resumed: list[Any] = list(meta.get("resumed") or [])
        dropped = no_longer_held(old, pipeline, statuses)
        _check_answers(old, pipeline, [path for path in statuses if path not in set(dropped)])
        again = RunRequest(
            run_id=record.run_id,
            pipeline=pipeline,
            inputs=dict(record.inputs),
            workspace=str(meta.get("workspace", "")),
            source_text=text,
            idempotency_key=record.idempotency_key,
            provider_routes=dict(meta.get("provider_routes") or {}),
            tenant=tenant,
            submitters=tuple(dict.fromkeys((*(meta.get("submitters") or ()), peer_of(request).person))),
        )
        now = self._desk.view.kernel.clock.wall()
        changed = pipeline.content_hash != record.definition_hash
        resumed.append({"at": now, "definition": "changed" if changed else "same", "dropped": list(dropped)})
        submitters: list[Any] = list(again.submitters)
        kept = {**meta_of(again), **meta, "submitters": submitters, "reopened_at": now, "resumed": resumed}
        run_id = await self._desk.call("runs", ReopenFailedRun(again, dropped, kept, len(resumed)), RUN_ENTRY_S)
        self._desk.record(decisions.run_resume_asked, request, str(run_id), pipeline.name, pipeline.content_hash)
        accepted = {"run_id": run_id, "pipeline": pipeline.name, "workspace": again.workspace, "anew": list(dropped)}
        return WireResponse(accepted, status_code=202, headers={"location": f"/v1/runs/{run_id}"})

    async def vacuum(self, request: Request) -> Response:
        """POST /v1/journal/vacuum: 200 with the bytes before and after."""
        await self._desk.body(request, NothingBody)
        done: Vacuumed = await self._desk.call("journal", Vacuum(VACUUM_MOST_BYTES), timeout_s=_VACUUM_WAIT_S)
        self._desk.record(decisions.journal_vacuumed, request, before=done.before, after=done.after)
        return WireResponse(done)

    async def _check_workspace(self, request: Request, record: RunRecord) -> None:
        """As at the door of a new run: only the node's own user may have steps work outside of its workspace."""
        meta: Any = record.meta
        within = self._desk.view.settings.workspace
        if peer_of(request).role is not Role.OWNER:
            recorded = Path(str(meta.get("workspace", "")))
            await asyncio.to_thread(make_workspace, recorded, within=within)

    async def _record(self, request: Request) -> RunRecord:
        run_id = request.path_params["run_id"]
        record: RunRecord | None = await recorded(self._desk, "journal", LoadRun(run_id, whole=False))
        if record is None:
            await find_run(self._desk, run_id)  # says that there is none
            raise ApiError(404, "no_such_run", f"no run {run_id!r} is known.")
        return record

    async def _definitions(self, record: RunRecord, body: ResumeBody) -> tuple[Pipeline, Pipeline, str]:
        """What the run's results were made by, what it is to go on by, and the text of that."""
        text = str(record.definition)
        if body.definition is not None:
            given = await definition_of(self._desk, body.definition, body.source)
            return await _recorded_pipeline(record), given.pipeline, given.text
        if body.accept_definition:
            pipeline = await _recorded_pipeline(record)
            return pipeline, pipeline, text
        known = await asyncio.to_thread(request_of, record)
        if not isinstance(known, RunRequest):
            choices = "" if known["code"] == "definition_changed" else f" {_choices(record.run_id)}"
            raise ApiError(409, str(known["code"]), f"{known['message']}.{choices}")
        return known.pipeline, known.pipeline, text


async def _recorded_pipeline(record: RunRecord) -> Pipeline:
    """The run's own definition as this version reads it."""
    try:
        return await asyncio.to_thread(load_known, str(record.definition), source=f"<run {record.run_id}>")
    except InvalidPipelineError as error:
        raise ApiError(
            409, "invalid_pipeline",
            f"the definition recorded with run {record.run_id!r} does not load any more, so nothing of it can be taken "
            f"over; submit a definition that does as a new run: {error}",
        ) from error  # fmt: skip


def _check_content(record: RunRecord) -> None:
    if "blanked_at" in record.meta:
        raise ApiError(
            409, "content_gone",
            f"the content of run {record.run_id!r} was taken out by the retention policy (retention.content_days); "
            "submit its pipeline as a new run.",
        )  # fmt: skip


def _check_answers(old: Pipeline, new: Pipeline, held: Collection[str]) -> None:
    """A person's yes holds for the definition that they were asked for. Raises `ApiError` 409."""
    answered = answered_steps(held) if old.content_hash != new.content_hash else ()
    if answered:
        first = answered[0]
        raise ApiError(
            409, "answered_before", f"persons answered {', '.join(answered[:10])} before the definition was changed, "
            f"and their answers do not hold for another one. Replay it with `--from {first}`, or submit it anew.",
        )  # fmt: skip


def _not_failed(record: RunRecord) -> str:
    if not record.finished:
        return (
            f"run {record.run_id!r} has not ended ({record.status}): it goes on by itself. `evopipe follow "
            f"{record.run_id}` shows it; a run that a kill switch holds goes on when that is armed."
        )
    return (
        f"run {record.run_id!r} has not failed ({record.status}), so there is nothing to go on with; "
        f"`evopipe replay {record.run_id} --from STEP` runs it again as a new run."
    )


def _choices(run_id: str) -> str:
    return (
        f"Choose: `evopipe resume {run_id} --definition FILE` goes on by a definition of yours (steps that read "
        f"otherwise run anew), `evopipe resume {run_id} --accept-definition` by the recorded one as this version reads "
        "it, or submit it again as a new run."
    )


def _told(plan: Takeover) -> dict[str, Any]:
    return {"taken_over": list(plan.taken), "anew": dict(plan.anew), "taken_within": list(plan.within)}
