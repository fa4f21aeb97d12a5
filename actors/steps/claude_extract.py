"""`claude_extract`: an answer in a given shape, checked, and asked for once more when it does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from actors.providers import Answer
from actors.steps.asking import make_request, result_of
from actors.steps.conforming import ask_conforming
from actors.steps.context import StepContext
from actors.steps.preset_options import options_with_preset, preset_facts
from pipelines.extraction import post_process, shape
from pipelines.language import ClaudeExtractStep


async def extract(context: StepContext) -> JsonValue:
    """With a schema `result` is the data that conforms to it; without, the text in the wanted format.

    Raises `AnswerMisfitError` when the second answer does not fit either, and what `StepContext.ask` raises.
    """
    step: ClaudeExtractStep = context.step
    preset, options = options_with_preset(context)
    request = make_request(step, await context.scope_with_files(step), options, step.timeout_s)
    if request.json_schema is None:
        answer = await context.ask(context.provider("claude"), request)
        result = result_of(answer)
    else:
        answer, result = await ask_conforming(context, context.provider("claude"), request)
    return {**result, **_shaped(context, answer, result), "extraction_applied": True, **preset_facts(context, preset)}


def _shaped(context: StepContext, answer: Answer, result: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The text in the wanted format, and what was done to it."""
    step: ClaudeExtractStep = context.step
    config = step.extraction_config
    text, unknown = answer.text, tuple[str, ...]()
    if config.use_content_extractor:
        text, unknown = post_process(shape(text, config.format, config.max_summary_length), config.post_processing)
    shaped: dict[str, JsonValue] = {"text": text}
    if step.output_schema is None:
        shaped["result"] = text
    if config.include_metadata or unknown:
        shaped["extraction_metadata"] = {
            "format": config.format,
            "use_content_extractor": config.use_content_extractor,
            "post_processing_applied": [name for name in config.post_processing if name not in unknown],
            "post_processing_unknown": list(unknown),
            "extraction_timestamp": datetime.fromtimestamp(context.kernel.clock.wall(), UTC).isoformat(),
            "original_length": len(answer.text),
            "processed_length": len(text),
            "step_name": step.name,
            "structured": result.get("result") is not result.get("text"),
        }
    return shaped
