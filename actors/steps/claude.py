"""`claude`: one prompt, one answer."""

from __future__ import annotations

from pydantic import JsonValue

from actors.steps.asking import ask_step, rendered_options, result_of
from actors.steps.context import StepContext
from pipelines.language import ClaudeStep


async def ask_claude(context: StepContext) -> JsonValue:
    """With a schema, `result` holds the data that conforms to it."""
    step: ClaudeStep = context.step
    answer, _ = await ask_step(context, "claude", rendered_options(step.claude_options, context.scope))
    return result_of(answer)
