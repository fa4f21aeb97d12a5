"""From a request to what the journal keeps of it, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import JsonValue

from actors.journal import RunRecord
from actors.runs.values import RunOrigin, RunRequest
from pipelines.language import InvalidPipelineError, load_pipeline


def meta_of(request: RunRequest) -> dict[str, JsonValue]:
    """What of a request is neither definition nor inputs."""
    routes: dict[str, JsonValue] = {**request.provider_routes}
    return {
        "workspace": request.workspace,
        "origin": request.origin,
        "parent": request.parent,
        "depth": request.depth,
        "provider_routes": routes,
    }


def request_of(record: RunRecord) -> RunRequest | dict[str, JsonValue]:
    """The request of a recorded run, or the error for which it cannot go on.

    The definition is read again from the journal, so that a file that changed meanwhile changes nothing; if this version
    reads it as something else than it was, the run must not go on with results of another pipeline.
    """
    try:
        pipeline = load_pipeline(str(record.definition), source=f"<run {record.run_id}>")
    except InvalidPipelineError as error:
        message = f"the definition recorded with the run does not hold any more: {error}"
        return {"code": error.code, "message": message}
    if pipeline.content_hash != record.definition_hash:
        message = (
            f"the recorded definition reads as {pipeline.content_hash[:12]}, but the run began with "
            f"{record.definition_hash[:12]}; submit it again to run it with this version"
        )
        return {"code": "definition_changed", "message": message}
    meta: Mapping[str, Any] = record.meta
    return RunRequest(
        run_id=record.run_id,
        pipeline=pipeline,
        inputs=dict(record.inputs),
        workspace=str(meta.get("workspace", "")),
        source_text=str(record.definition),
        idempotency_key=record.idempotency_key,
        parent=meta.get("parent"),
        depth=int(meta.get("depth") or 0),
        origin=cast(RunOrigin, meta.get("origin") or "user"),
        provider_routes=dict(meta.get("provider_routes") or {}),
    )
