"""What a run is asked for, what it ends with, and how it looks meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct
from pydantic import JsonValue

from actors.runs.events import RunEvent
from pipelines.guardrails import Subject
from pipelines.language import Pipeline

RunOrigin = Literal["user", "fallback", "evolution"]
RunStatus = Literal["running", "succeeded", "failed", "cancelled", "paused"]


@dataclass(frozen=True, slots=True)
class TakenOver:
    """The results of the finished run `source` that a new run begins with: those at the journal's paths `steps`.
    `facts` say in the new run's meta what it was made of."""

    source: str
    steps: tuple[str, ...]
    facts: Mapping[str, JsonValue]


class RunRequest(Struct, frozen=True):
    """One run to be made.

    `inputs` are as the caller gave them; the dispatcher fills in defaults and turns text into declared types.
    `workspace` is an existing absolute directory. `source_text` is the definition as written; empty for a pipeline
    made by a program. `parent` names the run this one helps, `depth` how far it is from a user's request,
    `on_behalf_of` the pipelines whose kill switches hold for this run too, `payer` the run and the path of its step
    whose limits what this run spends counts against.
    `asked` is what was asked for before references were resolved (its hash, or the reference), `references` what they
    were bound to; both only where there were any.
    `tenant` is the user who asked for it, empty where nobody is known. `submitters` are the persons who had it made or
    go on, which is somebody else when the owner names a tenant: none of them may approve where four eyes are wanted.
    `taken_over` says which results of another run it begins with.
    `provider_routes` (step type family, such as "claude" -> provider name) goes before the node's own routes.
    """

    run_id: str
    pipeline: Pipeline
    inputs: dict[str, JsonValue]
    workspace: str
    source_text: str = ""
    idempotency_key: str | None = None
    parent: str | None = None
    depth: int = 0
    origin: RunOrigin = "user"
    provider_routes: Mapping[str, str] = {}
    on_behalf_of: tuple[str, ...] = ()
    payer: tuple[str, str] | None = None
    asked: str | None = None
    references: tuple[Mapping[str, JsonValue], ...] = ()
    tenant: str = ""
    taken_over: TakenOver | None = None
    submitters: tuple[str, ...] = ()

    @property
    def subject(self) -> Subject:
        """What kill switches know all of its steps by."""
        return Subject(self.tenant, self.origin == "evolution")


class RunOutcome(Struct, frozen=True):
    """How a run ended, or ("paused") why it stands still.

    `results` has every top-level step's result. `error` is {code, message, step, ...} unless it succeeded. `usage`
    counts tokens, `cost_usd` is a decimal as text, None when no step said a cost. `duration_s` is the working
    time of the last incarnation. `review` is what the guardrails say after the run, None where none apply.
    """

    run_id: str
    status: RunStatus
    results: dict[str, JsonValue]
    outputs: dict[str, JsonValue]
    error: dict[str, JsonValue] | None
    usage: dict[str, int]
    cost_usd: str | None
    duration_s: float
    review: dict[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as `GetRun` and `ListRuns` show it. `steps` maps step path to status, `large` to {bytes, sha256,
    excerpt} of results that are kept apart; `ListRuns` leaves these and `events` empty. Times are Unix seconds."""

    run_id: str
    pipeline_name: str
    definition_hash: str
    status: RunStatus
    opened_at: float
    closed_at: float | None = None
    steps: Mapping[str, str] = field(default_factory=dict[str, str])
    error: dict[str, JsonValue] | None = None
    reason: str | None = None
    events: tuple[RunEvent, ...] = ()
    large: Mapping[str, dict[str, JsonValue]] = field(default_factory=dict[str, dict[str, JsonValue]])
