"""A preset's options for one step, with the step's own over them."""

from __future__ import annotations

from pydantic import JsonValue

from actors.steps.asking import rendered_options
from actors.steps.context import StepContext
from pipelines.language import ClaudeExtractStep, ClaudeSmartStep
from pipelines.presets import PRESETS

# Presets name models by the aliases of a command line tool, which no provider's API knows.
_NOT_TAKEN = ("model", "fallback_model")


def options_with_preset(context: StepContext, default: str) -> tuple[str, dict[str, JsonValue]]:
    """(the preset's name, the options): the step's `preset`, else `default`. Raises `TemplateError`."""
    step: ClaudeSmartStep | ClaudeExtractStep = context.step
    name = step.preset or default
    options = {key: value for key, value in PRESETS[name].items() if key not in _NOT_TAKEN}
    return name, {**options, **rendered_options(step.claude_options, context.scope)}
