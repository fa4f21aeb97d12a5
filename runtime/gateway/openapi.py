"""The OpenAPI 3.1 document, built from the request and answer models and one table of operations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from runtime.gateway import schemas

REF = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    method: str
    path: str
    summary: str
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    media: str = "application/json"
    query: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()


OPERATIONS = (
    Operation(
        "post", "/v1/runs", "Submit a pipeline. With wait: 200 and the outcome.", schemas.SubmitBody,
        schemas.RunAccepted, 202, refusals=(422, 423, 429, 503),
    ),
    Operation("get", "/v1/runs", "The newest runs first.", query=("limit",)),
    Operation("get", "/v1/runs/{run_id}", "What is known of a run.", refusals=(404,)),
    Operation(
        "get", "/v1/runs/{run_id}/events", "Progress as server-sent events: the kept history, then live.",
        media="text/event-stream", refusals=(404,),
    ),
    Operation(
        "get", "/v1/runs/{run_id}/outcome", "Waits for the outcome; 202 when the run goes on.",
        answer=schemas.OutcomeAnswer, query=("timeout_s",), refusals=(404,),
    ),
    Operation(
        "get", "/v1/runs/{run_id}/results/{step}", "The result of one step, whole, as a stream of JSON.",
        refusals=(404,),
    ),
    Operation(
        "get", "/v1/runs/{run_id}/outputs", "How a run ended, its outputs whole, as a stream of JSON.",
        refusals=(404, 409),
    ),
    Operation(
        "get", "/v1/budgets", "Limits, spent, reserved and left; costs of today's pipelines and of the newest runs.",
        query=("runs",),
    ),
    Operation("post", "/v1/budgets", "Set the limits of one budget for good.", schemas.BudgetBody, refusals=(422, 503)),
    Operation(
        "get", "/v1/budgets/report", "True cost of each pipeline, and its break-even.",
        query=("since", "saved_minutes", "hourly_usd", "review_minutes", "development_hours"), refusals=(400, 503),
    ),
    Operation("get", "/v1/breakers", "The circuit breakers: state, since when and why, what they have counted."),
    Operation(
        "post", "/v1/breakers/{order}", "Set a circuit breaker by hand: open, close (until reset) or reset.",
        schemas.BreakerBody, refusals=(422,),
    ),
    Operation("post", "/v1/runs/{run_id}/cancel", "Cancel a run.", status=202, refusals=(404,)),
    Operation("get", "/v1/runs/{run_id}/history", "Every recorded step in order, with cost and size.", refusals=(404,)),
    Operation(
        "post", "/v1/runs/{run_id}/replay", "A new run that takes over the results that still hold.",
        schemas.ReplayBody, schemas.RunAccepted, 202, refusals=(404, 409, 422, 423, 503),
    ),
    Operation(
        "post", "/v1/runs/{run_id}/resume", "Let a failed run go on from where it failed.", schemas.ResumeBody,
        schemas.RunAccepted, 202, refusals=(404, 409, 422, 423, 503),
    ),
    Operation(
        "post", "/v1/journal/vacuum", "Give the room of deleted records back to the disk.", schemas.NothingBody,
        refusals=(503,),
    ),
    Operation("post", "/v1/validate", "Check a pipeline without running it.", schemas.ValidateBody, schemas.Validity),
    Operation("get", "/v1/pipelines", "The node's library: registered and shipped pipelines.", refusals=(507,)),
    Operation("get", "/v1/pipelines/{name}", "The versions of a pipeline, the newest first.", refusals=(404,)),
    Operation(
        "put", "/v1/pipelines/{name}", "Register a pipeline under its own version, or the next free number.",
        schemas.RegisterBody, schemas.RegisteredAnswer, 201, refusals=(409, 422, 429, 507),
    ),
    Operation(
        "get", "/v1/pipelines/{name}/{version}", "One version (or the beginning of its hash) with its definition.",
        refusals=(404, 422),
    ),
    Operation(
        "put", "/v1/pipelines/{name}/{version}", "Register a pipeline as this version, which never changes again.",
        schemas.RegisterBody, schemas.RegisteredAnswer, 201, refusals=(409, 422, 429, 507),
    ),
    Operation(
        "delete", "/v1/pipelines/{name}/{version}", "Unregister one version. Runs that use it go on.",
        refusals=(404, 507),
    ),
    Operation("get", "/v1/status", "Facts about the node."),
    Operation("get", "/v1/tree", "The supervision tree."),
    Operation("get", "/v1/ps", "All actors, flat."),
    Operation(
        "get", "/v1/logs", "The node's log as JSON lines.", media="application/x-ndjson", query=("tail", "follow")
    ),
    Operation(
        "get", "/v1/audit", "The last entries of the audit log, oldest first, and how it stands.", query=("tail",)
    ),
    Operation("get", "/v1/kill-switches", "The state of the kill switches."),
    Operation("post", "/v1/kill-switches", "Trigger a kill switch.", schemas.SwitchBody, refusals=(422,)),
    Operation(
        "post", "/v1/kill-switches/arm", "Make a kill switch ready again.", schemas.SwitchBody, refusals=(409, 422)
    ),
    Operation(
        "post", "/v1/kill-switches/dry-run", "What a kill switch would stop now; nothing is changed.",
        schemas.PreviewBody, refusals=(422,),
    ),
    Operation("get", "/v1/approvals", "Questions that wait for a person, the oldest first.", query=("run", "limit")),
    Operation("get", "/v1/approvals/{id}", "A question with its preview, and what became of it.", refusals=(404,)),
    Operation(
        "post", "/v1/approvals/{id}", "Answer a question. One no decides, or as many yes as it needs.",
        schemas.AnswerBody, refusals=(404, 409, 413, 422, 507),
    ),
    Operation("get", "/v1/trust", "What people answered to which pattern, its score, and the thresholds."),
    Operation(
        "post", "/v1/trust", "Set from which score on a pattern is approved without asking, or take that away.",
        schemas.TrustBody, refusals=(422, 507),
    ),
    Operation("post", "/v1/evolutions", "Begin to evolve a pipeline.", schemas.EvolveBody, status=202, refusals=(422,)),
    Operation("get", "/v1/evolutions/{evolution_id}", "An evolution's progress and best genome.", refusals=(404,)),
    Operation("get", "/v1/sessions", "Conversations, the last used first.", query=("limit",)),
    Operation(
        "get", "/v1/sessions/{name}", "A conversation and its latest turns.", query=("turns",), refusals=(404,)
    ),
    Operation("delete", "/v1/sessions/{name}", "End a conversation; all its turns go.", refusals=(404,)),
    Operation(
        "post", "/v1/actors/{name}/kill", "Kill one live actor by name (for demonstrations).", status=202,
        refusals=(404,),
    ),
    Operation(
        "get", "/v1/actors/{name}",
        "One live actor by name or label (StepActor#12): what it does, its state's shape, its restarts and its trace.",
        refusals=(404,),
    ),
    Operation(
        "post", "/v1/actors/{name}/suspend", "Let it take no messages until it is resumed. Answers as GET does.",
        schemas.NothingBody, refusals=(404, 422),
    ),
    Operation(
        "post", "/v1/actors/{name}/resume", "Let it go on. Answers as GET does.", schemas.NothingBody,
        refusals=(404, 422),
    ),
    Operation(
        "post", "/v1/actors/{name}/trace", "Keep the shapes of its last messages. Answers as GET does.",
        schemas.TraceBody, refusals=(404, 422),
    ),
    Operation("post", "/v1/shutdown", "Drain and end the node.", schemas.ShutdownBody, status=202),
)  # fmt: skip


@cache
def openapi_document() -> dict[str, Any]:
    """The whole document."""
    models = {model for op in OPERATIONS for model in (op.body, op.answer) if model is not None}
    ordered = sorted(models | {schemas.ErrorAnswer}, key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "evopipe",
            "version": version(),
            "description": "HTTP over the node's Unix socket. Errors are {error: {code, message, details}}.",
        },
        "paths": paths,
        "components": {"schemas": definitions.get("$defs", {})},
    }


def version() -> str:
    """The installed version, or "0+unknown" in a checkout that was never installed."""
    try:
        return metadata.version("evopipe")
    except metadata.PackageNotFoundError:
        return "0+unknown"


def _operation(operation: Operation) -> dict[str, Any]:
    schema = _ref(operation.answer) if operation.answer is not None else {}
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _identifier(operation),
        "responses": {
            str(operation.status): {"description": "done", "content": {operation.media: {"schema": schema}}},
            **{str(status): _error(status) for status in operation.refusals},
            "default": _error(500),
        },
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(operation.body)}},
        }
    in_path = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in in_path]
    parameters += [{"name": n, "in": "query", "required": False, "schema": {}} for n in operation.query]
    if parameters:
        described["parameters"] = parameters
    return described


def _identifier(operation: Operation) -> str:
    words = [part.strip("{}") for part in operation.path.split("/") if part not in ("", "v1")]
    return "_".join([operation.method, *words]).replace("-", "_").replace(".", "_")


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def _error(status: int) -> dict[str, Any]:
    words = {
        404: "not there", 409: "not now", 422: "not valid", 423: "a kill switch is triggered",
        429: "as many as one library holds", 503: "no room, or restarting", 507: "the disk does not take it",
    }  # fmt: skip
    return {
        "description": words.get(status, "an error"),
        "content": {"application/json": {"schema": _ref(schemas.ErrorAnswer)}},
    }
