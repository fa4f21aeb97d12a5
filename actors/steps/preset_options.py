"""A preset's options for one step, with the step's own over them."""

from __future__ import annotations

from pydantic import JsonValue

from actors.steps.asking import rendered_options
from actors.steps.context import StepContext
from pipelines.language import ClaudeBatchStep, ClaudeExtractStep, ClaudeRobustStep, ClaudeSessionStep, ClaudeSmartStep
from pipelines.presets import DEFAULT_PRESETS, with_overrides

PresetStep = ClaudeSmartStep | ClaudeExtractStep | ClaudeSessionStep | ClaudeBatchStep | ClaudeRobustStep

# Presets name models by the aliases of a command line tool, which no provider's API knows.
_NOT_TAKEN = ("model", "fallback_model")


def options_with_preset(context: StepContext) -> tuple[str, dict[str, JsonValue]]:
    """(the preset's name, the options): the step's `preset`, else its type's, with its `claude_options` merged over.

    Raises `TemplateError`.
    """
    step: PresetStep = context.step
    name = step.preset or DEFAULT_PRESETS[step.type]
    own = rendered_options(step.claude_options, context.scope)
    merged = with_overrides(name, own)
    return name, {key: value for key, value in merged.items() if key in own or key not in _NOT_TAKEN}


def preset_facts(context: StepContext, preset: str) -> dict[str, JsonValue]:
    """What a result says of the preset it was made with."""
    step: PresetStep = context.step
    facts: dict[str, JsonValue] = {
        "preset_applied": preset,
        "environment_aware": step.environment_aware,
        "optimization_applied": True,
    }
    return {"claude_smart_metadata": facts}
