"""`claude_smart`: a prompt with the options of a preset."""

from __future__ import annotations

from pydantic import JsonValue

from actors.steps.asking import ask_step, result_of
from actors.steps.context import StepContext
from actors.steps.preset_options import options_with_preset, preset_facts


async def ask_smart(context: StepContext) -> JsonValue:
    """The preset's options, with the step's own `claude_options` over them."""
    preset, options = options_with_preset(context)
    answer, _ = await ask_step(context, "claude", options)
    return {**result_of(answer), **preset_facts(context, preset)}
