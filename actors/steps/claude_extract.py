"""`claude_extract`: an answer in a given shape, checked, and asked for once more when it does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import JsonValue

from actors.providers import Answer, Request, TransientError
from actors.steps.asking import make_request, result_of
from actors.steps.context import StepContext
from actors.steps.errors import AnswerMisfitError
from actors.steps.preset_options import options_with_preset, preset_facts
from pipelines.execution import Spending
from pipelines.extraction import NoJsonError, parse_json_answer, post_process, shape, validate_against
from pipelines.language import ClaudeExtractStep

_LONGEST_QUOTE = 4_000
_MISFITS = frozenset({"malformed_data", "schema_mismatch"})


async def extract(context: StepContext) -> JsonValue:
    """With a schema `result` is the data that conforms to it; without, the text in the wanted format.

    Raises `AnswerMisfitError` when the second answer does not fit either, and what `StepContext.ask` raises.
    """
    step: ClaudeExtractStep = context.step
    preset, options = options_with_preset(context, "analysis")
    request = make_request(step, await context.scope_with_files(step), options, step.timeout_s)
    if request.json_schema is None:
        answer = await context.ask(context.provider("claude"), request)
        result = result_of(answer)
    else:
        answer, result = await _conforming(context, request)
    return {**result, **_shaped(context, answer, result), "extraction_applied": True, **preset_facts(context, preset)}


async def _conforming(context: StepContext, request: Request) -> tuple[Answer, dict[str, JsonValue]]:
    schema = cast("Mapping[str, Any]", request.json_schema)
    provider = context.provider("claude")
    spent = Spending()
    problems: Sequence[str] = ()
    for part in ("", "again"):
        asked = request if not part else replace(request, prompt=_told_again(request.prompt, problems))
        try:
            answer = await context.ask(provider, asked, part)
        except TransientError as refused:
            # The provider itself found that its answer does not fit: the same as finding it here.
            if refused.code not in _MISFITS:
                raise
            problems = (refused.message,)
            continue
        result = result_of(answer)
        spent.add(result)
        data, problems = _checked(schema, answer)
        if not problems:
            usage: dict[str, JsonValue] = {**spent.usage}
            return answer, {**result, "result": data, "usage": usage, "cost_usd": spent.cost_usd}
    raise AnswerMisfitError(f"{provider} answered twice without conforming to the schema: {'; '.join(problems)}")


def _checked(schema: Mapping[str, Any], answer: Answer) -> tuple[JsonValue, tuple[str, ...]]:
    """(the data, what is wrong with it)."""
    data: JsonValue = answer.data
    if data is None:
        try:
            data = parse_json_answer(answer.text)
        except NoJsonError as error:
            return None, (str(error),)
    return data, validate_against(schema, data)


def _told_again(prompt: str, problems: Sequence[str]) -> str:
    told = "\n".join(f"- {problem}" for problem in problems)[:_LONGEST_QUOTE]
    return (
        f"{prompt}\n\nYour previous answer did not conform to the required schema:\n{told}\n"
        "Answer again with JSON that conforms to the schema, and nothing else."
    )


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
