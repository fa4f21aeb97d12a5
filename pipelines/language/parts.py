"""The small frozen values that steps and pipelines are made of."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, field_validator


class Part(BaseModel):
    """Base of every value of the language: frozen, unknown keys rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, protected_namespaces=())

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


class StaticPart(Part):
    """Prompt text as written (templates in it are rendered)."""

    type: Literal["static"]
    content: str


class FilePart(Part):
    """Text of a file of the workspace; the engine reads it and hands it over as `Scope.files[path]`."""

    type: Literal["file"]
    path: str


class PreviousResponsePart(Part):
    """Result of an earlier step, whole or one dotted path of it.

    A missing path fails the step unless `strict` is false (then it renders as empty text). `max_length` cuts the text
    after so many characters.
    """

    type: Literal["previous_response"]
    step: str
    extract: str | None = None
    strict: bool = True
    max_length: int | None = Field(default=None, ge=1)


class SessionContextPart(Part):
    """pipeline_ex's request for a session's past. Empty text, as there: a `claude_session` step sends its own."""

    type: Literal["session_context"]
    session_id: str | None = None
    include_last_n: int | None = Field(default=None, ge=0)


class ClaudeContinuePart(Part):
    """Text that goes on with a conversation: in a `claude_session` step, the next turn."""

    type: Literal["claude_continue"]
    session_id: str | None = None
    new_prompt: str = ""


PromptPart = Annotated[
    StaticPart | FilePart | PreviousResponsePart | SessionContextPart | ClaudeContinuePart, Field(discriminator="type")
]


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


class NestingConfig(Part):
    """Limits and habits of a nested pipeline (spec section 10)."""

    inherit_context: bool = False
    max_depth: int = Field(default=10, ge=0, le=100)
    max_total_steps: int = Field(default=1000, ge=1, le=100_000)
    memory_limit_mb: int = Field(default=1024, ge=1)
    timeout_seconds: float = Field(default=300, gt=0)
    workspace_enabled: bool = True
    cleanup_on_error: bool = True
    workspace_dir: str | None = None
    checkpoint_enabled: bool | None = None
    enable_tracing: bool | None = None
