"""The steps that ask the provider of the `gemini` family: a plain question, and an answer in a given shape. Both may
give the model functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field, JsonValue, model_validator

from pipelines.language.parts import Part, TokenBudget

from .base import PromptStep

if TYPE_CHECKING:
    from pipelines.language.steps import Step

ARGUMENTS: Final = "arguments"
"""The name under which a function's body sees what it is called with."""

_FUNCTION_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_\-]{0,63}$"


class FunctionSpec(Part):
    """A function the model may call, declared under `gemini_functions` or in the step.

    `parameters` is JSON Schema or the free form of `schema`. Its calls are answered by `returns` (a template) or by
    `step`, both over the step's names and `arguments`. Without either it is a form to fill: a call of it is the step's
    result.
    """

    name: str = Field(pattern=_FUNCTION_NAME)
    description: str = ""
    parameters: JsonValue = None
    returns: JsonValue = None
    step: Step | None = None

    @model_validator(mode="after")
    def _has_one_body(self) -> FunctionSpec:
        if self.step is not None and "returns" in self.model_fields_set:
            raise ValueError("a function is answered by `returns` or by `step`, and not by both")
        return self

    @property
    def has_body(self) -> bool:
        """Whether its calls are answered here."""
        return self.step is not None or "returns" in self.model_fields_set


class FunctionsStep(PromptStep):
    """What both types share. `functions` and `tools` mean the same; the names in them are declared by the pipeline, and
    stand for their declarations once the file is loaded. `max_rounds` bounds how often the model may call."""

    token_budget: TokenBudget = TokenBudget()
    functions: tuple[str | FunctionSpec, ...] = Field(default=(), max_length=64)
    tools: tuple[str | FunctionSpec, ...] = Field(default=(), max_length=64)
    max_rounds: int = Field(default=5, ge=1, le=50)

    @property
    def all_functions(self) -> tuple[str | FunctionSpec, ...]:
        """Those of both keys."""
        return (*self.functions, *self.tools)


class GeminiStep(FunctionsStep):
    type: Literal["gemini"]


class GeminiInstructorStep(FunctionsStep):
    """Answers in the shape of `schema`, or of {text, analysis, summary}."""

    type: Literal["gemini_instructor"]
