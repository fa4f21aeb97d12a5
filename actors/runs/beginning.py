"""Where a run begins: its root frame from the request, and what the journal has of it already. Pure."""

from __future__ import annotations

from pydantic import JsonValue

from actors.journal import RunRecord
from actors.runs.values import RunRequest
from pipelines.execution import Ancestry, FrameSpec, frame_of, workflow_facts
from pipelines.language import Limits, Scope


def root_of(request: RunRequest, limits: Limits) -> FrameSpec:
    """The frame of the run's own steps, bounded by `limits`."""
    pipeline = request.pipeline
    facts: dict[str, JsonValue] = {"run_id": request.run_id, "workspace": request.workspace}
    scope = Scope(
        inputs=request.inputs,
        global_vars=pipeline.global_vars,
        state=pipeline.variables,
        workflow=workflow_facts(pipeline, facts),
    )
    ancestry = Ancestry((*request.on_behalf_of, pipeline.name), (pipeline.content_hash,), 0)
    bounded = ancestry.bounded(limits.max_depth)
    return frame_of(pipeline, "", scope, bounded, {"": limits})


def recorded_steps(record: RunRecord | None) -> dict[str, tuple[str, JsonValue]]:
    """(status, result) of every step that the journal has."""
    return {} if record is None else {key: (step.status, step.result) for key, step in record.steps.items()}


def began_s(record: RunRecord) -> float:
    """Since when the run's time counts (Unix seconds): since it was opened, or opened again after a failure."""
    again = record.meta.get("reopened_at")
    return float(again) if isinstance(again, int | float) else record.opened_at


def error_in(result: JsonValue) -> dict[str, JsonValue]:
    """The error of a failed step's record, or the error itself."""
    if not isinstance(result, dict):
        return {"code": "step_failed", "message": str(result)}
    inner = result.get("error")
    return inner if isinstance(inner, dict) else result
