"""What clients send and get, as models. The OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from actors.kernel import MOST_KEPT
from pipelines.guardrails import NAMELESS

Level = Literal["node", "tenant", "evolution", "pipeline", "provider", "step"]
Name = Annotated[str, Field(max_length=200)]


class Body(BaseModel):
    """Base of all requests: no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SubmitBody(Body):
    """POST /v1/runs."""

    definition: str | None = Field(None, min_length=1, description="The pipeline as YAML text.")
    pipeline_ref: str | None = Field(
        None, max_length=200, description="Or one of the node's library: name, name@version or name@hash."
    )
    source: str = Field("<request>", max_length=4096, description="Where it came from, for error messages.")
    inputs: dict[str, JsonValue] = Field(default_factory=dict, description="Values for the pipeline's inputs.")
    workspace: str | None = Field(
        None, max_length=4096, description="Directory of file steps; relative to base_dir. It is made when missing."
    )
    base_dir: str | None = Field(
        None, max_length=4096, description="The client's directory (absolute); relative paths start there."
    )
    idempotency_key: str | None = Field(
        None, min_length=1, max_length=200, description="The same key gives the same run, never a second one."
    )
    tenant: Name | None = Field(
        None,
        min_length=1,
        pattern=r"^[^\x00-\x1f\x7f/]+$",
        description="Whose budgets pay; only the node's owner says.",
    )
    wait: bool = Field(False, description="Answer when the run has ended (200) instead of at once (202).")
    timeout_s: float = Field(60, gt=0, le=3600, description="With wait: answer after this long at the latest.")

    @model_validator(mode="after")
    def _names_one_pipeline(self) -> SubmitBody:
        if (self.definition is None) == (self.pipeline_ref is None):
            raise ValueError("give either the definition or the pipeline_ref")
        return self


class ReplayBody(Body):
    """POST /v1/runs/{run_id}/replay."""

    from_step: str | None = Field(None, min_length=1, max_length=4000, description="Runs anew, with what depends on it")
    definition: str | None = Field(None, min_length=1, description="Another definition, as YAML text.")
    source: str = Field("<request>", max_length=4096)
    idempotency_key: str | None = Field(None, min_length=1, max_length=200)
    dry_run: bool = Field(False, description="Only say what would run anew and why.")


class ResumeBody(Body):
    """POST /v1/runs/{run_id}/resume."""

    definition: str | None = Field(None, min_length=1, description="Go on by this definition, as YAML text.")
    source: str = Field("<request>", max_length=4096)
    accept_definition: bool = Field(
        False, description="Go on by the recorded definition as this version of the node reads it."
    )


class RegisterBody(Body):
    """PUT /v1/pipelines/{name} and PUT /v1/pipelines/{name}/{version}."""

    definition: str = Field(min_length=1, description="The pipeline as YAML text.")
    source: str = Field("<request>", max_length=4096, description="Where it came from, for people.")


class ValidateBody(Body):
    """POST /v1/validate."""

    definition: str = Field(description="The pipeline as YAML text.")
    source: str = Field("<request>", max_length=4096)


class PreviewBody(Body):
    """POST /v1/kill-switches/dry-run."""

    level: Level
    name: str = Field(
        "",
        max_length=401,
        description="The tenant (user), pipeline or provider, a step's type or PIPELINE/STEP; empty for the others.",
    )

    @model_validator(mode="after")
    def _name_fits_level(self) -> PreviewBody:
        if self.level in NAMELESS and self.name:
            raise ValueError(f"the {self.level} switch has no name")
        if self.level not in NAMELESS and not self.name:
            raise ValueError(f"a {self.level} switch needs the {self.level}'s name")
        return self


class SwitchBody(PreviewBody):
    """POST /v1/kill-switches and POST /v1/kill-switches/arm."""

    reason: str = Field(min_length=1, max_length=1000, pattern=r"\S")
    who: Name | None = Field(None, description="For whom; kept beside the user of the connection, never instead.")


class BudgetBody(Body):
    """POST /v1/budgets."""

    path: str = Field(
        min_length=1, max_length=220, description="day, tenant/NAME, tier/NAME, pipeline/NAME, class/NAME, run/TIER..."
    )
    usd: str | None = Field(None, max_length=40, description="Dollars as decimal text; null: no limit in dollars.")
    tokens: int | None = Field(None, ge=0, le=10**15, description="null: no limit in tokens.")
    clear: bool = Field(False, description="Let the settings' limits hold again.")
    reason: str = Field(min_length=1, max_length=1000, pattern=r"\S")
    who: Name | None = Field(None, description="For whom; kept beside the user of the connection, never instead.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> BudgetBody:
        if self.clear and (self.usd is not None or self.tokens is not None):
            raise ValueError("give either clear or limits")
        return self


class BreakerBody(Body):
    """POST /v1/breakers/{order}."""

    name: str = Field(max_length=400, description="kind:subject, such as provider:anthropic or cost:PIPELINE.")
    reason: str = Field(min_length=1, max_length=1000, pattern=r"\S")
    who: Name | None = Field(None, description="For whom; kept beside the user of the connection, never instead.")


class AnswerBody(Body):
    """POST /v1/approvals/{id}. Say `choice` or `approve`."""

    choice: str | None = Field(None, min_length=1, max_length=60, description="One of the question's choices.")
    approve: bool | None = Field(None, description="true: the choice that approves; false: reject.")
    comment: str = Field("", max_length=4_000)
    data: JsonValue = Field(None, description="What the question's fields ask for.")
    who: Name | None = Field(None, description="For whom; kept beside the user of the connection, never instead.")


class TrustBody(Body):
    """POST /v1/trust."""

    target: str = Field(min_length=1, max_length=400, description="PIPELINE or PIPELINE/STEP, as GET /v1/trust tells.")
    threshold: float | None = Field(
        None, description="From which score on its questions are approved without asking, 0.8 to 0.999; null: never."
    )
    history: bool = Field(False, description="With a threshold of null: forget what was learned, too.")
    reason: str = Field(min_length=1, max_length=1000, pattern=r"\S")
    who: Name | None = Field(None, description="For whom; kept beside the user of the connection, never instead.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> TrustBody:
        if self.history and self.threshold is not None:
            raise ValueError("give either history or a threshold")
        return self


class EvolveBody(Body):
    """POST /v1/evolutions."""

    definition: str = Field(min_length=1, description="The pipeline to improve, as YAML text.")
    source: str = Field("<request>", max_length=4096)
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    generations: int = Field(3, ge=1, le=1000)
    population: int = Field(8, ge=2, le=1000)
    budget_requests: int = Field(200, ge=1, le=1_000_000)
    seed: int = Field(0, ge=0)


class NothingBody(Body):
    """POST /v1/actors/{name}/suspend and resume: `{}`."""


class TraceBody(Body):
    """POST /v1/actors/{name}/trace."""

    keep: int = Field(50, ge=0, le=MOST_KEPT, description="How many of its last messages are kept; 0 ends the trace.")


class ShutdownBody(Body):
    """POST /v1/shutdown."""

    now: bool = Field(False, description="Do not wait for running pipelines; they resume at the next start.")


class ErrorFacts(BaseModel):
    """What went wrong."""

    code: str
    message: str
    details: list[JsonValue]


class ErrorAnswer(BaseModel):
    """Every answer that is not a success."""

    error: ErrorFacts


class RunAccepted(BaseModel):
    """The answer to a submitted run."""

    run_id: str
    pipeline: str
    workspace: str


class OutcomeAnswer(BaseModel):
    """How a run ended."""

    run_id: str
    status: Literal["succeeded", "failed", "cancelled", "paused"]
    results: dict[str, JsonValue]
    outputs: JsonValue
    error: dict[str, JsonValue] | None
    usage: JsonValue
    cost_usd: str | None
    duration_s: float
    review: dict[str, JsonValue] | None


class RegisteredAnswer(BaseModel):
    """The answer to a registration; `created` is false when the same was there already."""

    name: str
    version: str
    content_hash: str
    created: bool
    warnings: list[str]


class Validity(BaseModel):
    """The answer to a validation."""

    valid: bool
    name: str | None
    content_hash: str | None
    diagnostics: list[JsonValue]
