"""What all steps have, and what all steps that ask a provider have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import AliasChoices, Field, JsonValue

from pipelines.language.parts import ContextConfig, Part, PromptPart, RetryPolicy, Streaming

if TYPE_CHECKING:
    from pipelines.language.steps import Step

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_\-]*$"
JsonMap = dict[str, JsonValue]
Preset = Literal["development", "production", "analysis", "chat", "test"]

Body = tuple[tuple[str | int, ...], "tuple[Step, ...]"]
"""A list of steps inside a step, with the key it stands under."""

SCHEMA_FIELD = Field(
    default=None, validation_alias=AliasChoices("schema", "output_schema"), serialization_alias="schema"
)


OnError = Literal["fail", "retry", "fallback", "skip", "continue"]


class BaseStep(Part):
    """What every step has. `on_error` says what follows a failure: see "When a step fails" in docs/pipelines.md."""

    name: str = Field(pattern=NAME_PATTERN, max_length=100)
    condition: JsonValue = None
    depends_on: tuple[str, ...] = ()
    retry: RetryPolicy = RetryPolicy()
    timeout_s: float | None = Field(default=None, gt=0, le=86400)
    on_error: OnError = "fallback"
    output_to_file: str | None = None
    provider: str | None = None
    role: str | None = None
    description: str | None = None
    streaming: Streaming | None = None
    budget_class: Literal["analysis", "generation", "validation"] | None = None

    def bodies(self) -> tuple[Body, ...]:
        """The lists of steps it consists of. A loop runs its one body again and again, a switch one of its many."""
        return ()

    @property
    def local_names(self) -> frozenset[str]:
        """Names that its bodies see besides their steps."""
        return frozenset()


class PromptStep(BaseStep):
    """A step that asks a provider. `prompt` is template text; `prompt_parts` keeps the parts it came from."""

    prompt: str
    prompt_parts: tuple[PromptPart, ...] = ()
    model: str | None = None
    system: str | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    output_schema: JsonValue = SCHEMA_FIELD
    context: ContextConfig = ContextConfig()
