"""From a request to what the journal keeps of it, and back. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, cast

from pydantic import JsonValue

from actors.journal import RunRecord
from actors.runs.definition_cache import load_known
from actors.runs.values import RunOrigin, RunRequest
from pipelines.language import InvalidPipelineError, Pipeline, to_yaml


class DefinitionTexts:
    """The texts of pipelines that were made by programs, by content hash. Evolution submits the same one many times."""

    def __init__(self, kept: int = 256) -> None:
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._kept = kept

    def of(self, request: RunRequest) -> str:
        """The definition as the journal keeps it."""
        if request.source_text:
            return request.source_text
        key = request.pipeline.content_hash
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = to_yaml(request.pipeline)
            if len(self._texts) > self._kept:
                self._texts.popitem(last=False)
        return text


def meta_of(request: RunRequest) -> dict[str, JsonValue]:
    """What of a request is neither definition nor inputs."""
    routes: dict[str, JsonValue] = {**request.provider_routes}
    asked: dict[str, JsonValue] = {}
    if request.asked is not None:
        asked = {"asked_hash": request.asked, "references": [dict(each) for each in request.references]}
    return {
        "workspace": request.workspace,
        "origin": request.origin,
        "parent": request.parent,
        "depth": request.depth,
        "tenant": request.tenant,
        "submitters": list(request.submitters),
        "provider_routes": routes,
        **asked,
        **({} if request.taken_over is None else {"made_of": {**request.taken_over.facts}}),
    }


def request_of(record: RunRecord, pipelines: dict[str, Pipeline] | None = None) -> RunRequest | dict[str, JsonValue]:
    """The request of a recorded run, or the error for which it cannot go on.

    The definition is read again from the journal, so that a file that changed meanwhile changes nothing; if this
    version reads it as something else than it was, the run must not go on with results of another pipeline.
    `pipelines` are those read already, by their text; this one joins them.
    """
    text = str(record.definition)
    pipeline = None if pipelines is None else pipelines.get(text)
    if pipeline is None:
        try:
            pipeline = load_known(text, source=f"<run {record.run_id}>")
        except InvalidPipelineError as error:
            message = f"the definition recorded with the run does not hold any more: {error}"
            return {"code": error.code, "message": message}
        if pipelines is not None:
            pipelines[text] = pipeline
    if pipeline.content_hash != record.definition_hash:
        message = (
            f"the recorded definition reads as {pipeline.content_hash[:12]}, but the run began with "
            f"{record.definition_hash[:12]}. Choose: `evopipe resume {record.run_id} --accept-definition` goes on by "
            f"the recorded one as this version reads it, `evopipe resume {record.run_id} --definition FILE` by one of "
            "yours, or submit it again as a new run"
        )
        return {"code": "definition_changed", "message": message}
    meta: Mapping[str, Any] = record.meta
    return RunRequest(
        run_id=record.run_id,
        pipeline=pipeline,
        inputs=dict(record.inputs),
        workspace=str(meta.get("workspace", "")),
        source_text=text,
        idempotency_key=record.idempotency_key,
        parent=meta.get("parent"),
        depth=int(meta.get("depth") or 0),
        origin=cast(RunOrigin, meta.get("origin") or "user"),
        provider_routes=dict(meta.get("provider_routes") or {}),
        tenant=str(meta.get("tenant") or ""),
        submitters=tuple(str(each) for each in meta.get("submitters") or ()),
    )
