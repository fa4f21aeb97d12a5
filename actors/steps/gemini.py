"""`gemini`: one prompt, one answer, with the limits of a token budget."""

from __future__ import annotations

from pydantic import JsonValue

from actors.steps.asking import ask_step, result_of
from actors.steps.context import StepContext
from pipelines.language import GeminiStep


async def ask_gemini(context: StepContext) -> JsonValue:
    """With a schema, `result` holds the data that conforms to it."""
    step: GeminiStep = context.step
    budget = step.token_budget
    options: dict[str, JsonValue] = {"max_tokens": budget.max_output_tokens, "temperature": budget.temperature}
    answer, _ = await ask_step(context, "gemini", options)
    return result_of(answer)
