"""`gemini_instructor`: an answer whose shape is held to, after as many function calls as it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import JsonValue

from actors.steps.conforming import ask_conforming
from actors.steps.context import StepContext
from actors.steps.gemini import answer_with_functions, budget_options, request_of
from pipelines.language import GeminiInstructorStep

MAX_TOKENS: Final = 2048
TEMPERATURE: Final = 0.7
TEMPERATURE_WITH_FUNCTIONS: Final = 0.3
ANSWER_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "the answer"},
        "analysis": {"type": "string", "description": "how it was come by"},
        "summary": {"type": "string", "description": "the answer in one sentence"},
    },
    "required": ["text"],
}
"""The shape of an answer without a schema of its own (spec section 7)."""


async def ask_instructor(context: StepContext) -> JsonValue:
    """`result` is data that conforms to the schema (else to `ANSWER_SCHEMA`), the text that ended the calls, or
    the arguments of the call that did.

    Raises `AnswerMisfitError` when the second answer does not conform either, and as `ask_with_functions`.
    """
    step: GeminiInstructorStep = context.step
    temperature = TEMPERATURE_WITH_FUNCTIONS if step.all_functions else TEMPERATURE
    budget = {name: value for name, value in budget_options(step).items() if value is not None}
    request = await request_of(context, {"max_tokens": MAX_TOKENS, "temperature": temperature, **budget})
    if step.all_functions:
        return await answer_with_functions(context, request)
    if request.json_schema is not None:
        _, result = await ask_conforming(context, context.provider("gemini"), request)
        return result
    own = replace(request, json_schema=ANSWER_SCHEMA)
    _, result = await ask_conforming(context, context.provider("gemini"), own)
    data = result["result"]
    return {**result, "text": data["text"]} if isinstance(data, Mapping) else result
