"""The small frozen values that steps and pipelines are made of."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, field_validator


class Part(BaseModel):
    """Base of every value of the language: frozen, unknown keys rejected.

    What pydantic needs to check one is built at its first use: most are only ever checked as a part of a pipeline.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, protected_namespaces=(), defer_build=True
    )

    named_types: ClassVar[dict[str, Any]] = {}
    """What fields can only name in quotes, because it is made of the models that have these fields."""

    @classmethod
    def model_rebuild(
        cls,
        *,
        force: bool = False,
        raise_errors: bool = True,
        _parent_namespace_depth: int = 2,
        _types_namespace: Mapping[str, Any] | None = None,
    ) -> bool | None:
        """Pydantic's, which calls it at the first use; `named_types` are known to it."""
        known = {**cls.named_types, **(_types_namespace or {})}
        return super().model_rebuild(force=force, raise_errors=raise_errors, _types_namespace=known)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields replaced; unlike pydantic's it drops what was computed from the old fields."""
        copied = super().model_copy(update=update, deep=deep)
        for name in vars(copied).keys() - type(self).model_fields.keys():
            del vars(copied)[name]
        return copied


class RetryPolicy(Part):
    """How often and how slowly a failed step is tried again.

    `max_attempts` counts the first try. The delay before retry n (from 1) is `base_delay_s` times 2^(n-1)
    (exponential), n (linear) or 1 (fixed), never above `max_delay_s`, then spread by ±`jitter` (a fraction).
    """

    max_attempts: int = Field(default=3, ge=1, le=100)
    base_delay_s: float = Field(default=0.5, ge=0, le=3600)
    max_delay_s: float = Field(default=30.0, ge=0, le=86400)
    backoff: Literal["exponential", "linear", "fixed"] = "exponential"
    jitter: float = Field(default=0.2, ge=0, le=1)

    def delay_s(self, retry: int, rng: random.Random) -> float:
        """Seconds to wait before retry number `retry` (from 1)."""
        factor = {"exponential": 2.0 ** min(retry - 1, 60), "linear": float(retry), "fixed": 1.0}[self.backoff]
        delay = min(self.base_delay_s * factor, self.max_delay_s)
        return delay * (1 + self.jitter * (2 * rng.random() - 1)) if self.jitter else delay


InputType = Literal["any", "string", "integer", "number", "boolean", "list", "map"]


class InputSpec(Part):
    """A declared run input. Without `default` it is required unless `required: false` (then null)."""

    type: InputType = "any"
    description: str = ""
    required: bool | None = None
    default: JsonValue = None
    enum: tuple[JsonValue, ...] = ()

    @property
    def is_required(self) -> bool:
        """Whether a run must be given this input."""
        if self.required is not None:
            return self.required and self.default is None
        return "default" not in self.model_fields_set


class Weighed(Part):
    """What every part of a prompt may say for the case that the whole is too large for the model.

    Of lower `priority` is made smaller first; without one, text as written has 100, files and results have 50. No part
    is ever larger than its `max_tokens`, whether there is room or not.
    """

    priority: int | None = Field(default=None, ge=0, le=1000)
    max_tokens: int | None = Field(default=None, ge=32)


class StaticPart(Weighed):
    """Prompt text as written (templates in it are rendered)."""

    type: Literal["static"]
    content: str


class FilePart(Weighed):
    """Text of a file of the workspace; the engine reads it and hands it over as `Scope.files[path]`."""

    type: Literal["file"]
    path: str


class PreviousResponsePart(Weighed):
    """Result of an earlier step, whole or one dotted path of it.

    A missing path fails the step unless `strict` is false (then it renders as empty text). `max_length` cuts the text
    after so many characters; `prefix` is text before it.
    """

    type: Literal["previous_response"]
    step: str
    extract: str | None = None
    strict: bool = True
    max_length: int | None = Field(default=None, ge=1)
    prefix: str = ""


class SessionContextPart(Weighed):
    """pipeline_ex's request for a session's past. Empty text, as there: a `claude_session` step sends its own."""

    type: Literal["session_context"]
    session_id: str | None = None
    include_last_n: int | None = Field(default=None, ge=0)


class ClaudeContinuePart(Weighed):
    """Text that goes on with a conversation: in a `claude_session` step, the next turn."""

    type: Literal["claude_continue"]
    session_id: str | None = None
    new_prompt: str = ""


PromptPart = Annotated[
    StaticPart | FilePart | PreviousResponsePart | SessionContextPart | ClaudeContinuePart, Field(discriminator="type")
]


class Summariser(Part):
    """Who sums up what is too large, chunk by chunk: a step in short. Without a `provider` the one that is asked."""

    type: Literal["claude", "gemini"] | None = None
    provider: str | None = None
    model: str | None = None
    prompt: str | None = None
    system: str | None = None
    max_tokens: int = Field(default=512, ge=32)
    chunk_tokens: int = Field(default=6000, ge=100, le=1_000_000)


class ContextConfig(Part):
    """What happens when a question is larger than the model's window, or than `max_input_tokens`.

    fail: the step fails before anything is asked. truncate: parts are cut, those of the lowest priority first.
    summarise: they are summed up instead. `count: provider` asks the provider how many tokens it is instead of
    estimating; `keep` says which end of a part is kept.
    """

    on_overflow: Literal["fail", "truncate", "summarise"] = "fail"
    max_input_tokens: int | None = Field(default=None, ge=64)
    count: Literal["estimate", "provider"] = "estimate"
    keep: Literal["start", "end", "both"] = "start"
    summarise_with: Summariser = Summariser()


class OutputPath(Part):
    """One output: a dotted path into the results (first segment is the step), under another name if `as`."""

    path: str
    as_: str | None = Field(default=None, validation_alias=AliasChoices("as", "as_"), serialization_alias="as")


class Streaming(Part):
    """Whether the caller wants the text while it is made."""

    enabled: bool = False

    @field_validator("enabled", mode="before")
    @classmethod
    def _reads_null_as_off(cls, value: object) -> object:
        return False if value is None else value


class TokenBudget(Part):
    """Generation limits of a Gemini step."""

    max_output_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=1)


class ExtractionConfig(Part):
    """How `claude_extract` shapes the text it got (spec section 7)."""

    use_content_extractor: bool = True
    format: Literal["text", "json", "structured", "summary", "markdown"] = "text"
    post_processing: tuple[str, ...] = ()
    max_summary_length: int = Field(default=500, ge=4)
    include_metadata: bool = False


class Limits(Part):
    """What a pipeline with all that is inside of it may use at most; None: no limit of its own.

    `max_depth` counts levels of pipelines below it, `max_steps` the steps that are started (each pass of a loop counts
    its own), `max_tokens` input and output together, `max_cost_usd` dollars, `max_seconds` the time since it began.
    """

    max_depth: int | None = Field(default=None, ge=0, le=100)
    max_steps: int | None = Field(default=None, ge=1, le=10_000_000)
    max_tokens: int | None = Field(default=None, ge=1)
    max_cost_usd: Decimal | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_seconds: float | None = Field(default=None, gt=0, le=31_536_000)


class NestingConfig(Part):
    """Limits and habits of a nested pipeline (spec section 10).

    `max_depth` counts from the run's own pipeline. `max_total_steps` bounds the steps written in the chain of nested
    pipelines, `max_steps` those that are started. `memory_limit_mb` bounds by how much the node's memory grows while
    the pipeline runs; None: not looked at.
    """

    inherit_context: bool = False
    max_depth: int = Field(default=10, ge=0, le=100)
    max_total_steps: int = Field(default=1000, ge=1, le=100_000)
    max_steps: int | None = Field(default=None, ge=1, le=10_000_000)
    max_tokens: int | None = Field(default=None, ge=1)
    max_cost_usd: Decimal | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_seconds: float | None = Field(default=None, gt=0, le=31_536_000)
    memory_limit_mb: int | None = Field(default=None, ge=1)
    timeout_seconds: float = Field(default=300, gt=0)
    workspace_enabled: bool = True
    cleanup_on_error: bool = True
    workspace_dir: str | None = None
    checkpoint_enabled: bool | None = None
    enable_tracing: bool | None = None

    @property
    def limits(self) -> Limits:
        """Those that hold for the pipeline inside; depth and time are looked at by themselves."""
        return Limits(max_steps=self.max_steps, max_tokens=self.max_tokens, max_cost_usd=self.max_cost_usd)

    @property
    def longest_s(self) -> float:
        """Seconds that it may take, by the older and the newer spelling."""
        return self.timeout_seconds if self.max_seconds is None else self.max_seconds
