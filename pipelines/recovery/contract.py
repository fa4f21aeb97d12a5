"""What an answer must look like to take the place of a step's result, and how an alternative's answer is read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import JsonValue

from pipelines.extraction import normalise_schema
from pipelines.language import BaseStep, ParallelClaudeStep, PromptStep
from pipelines.recovery.alternatives import ANSWER, Alternative

JsonMap = dict[str, JsonValue]


def contract_ok(step: BaseStep, result: JsonValue) -> bool:
    """Whether `result` can stand for the result of `step`."""
    return misfit(step, result) is None


def misfit(step: BaseStep, result: JsonValue) -> str | None:
    """Why `result` cannot stand for the result of `step`, or None when it can.

    With a schema the data must conform to it; without, there must be text; `parallel_claude` needs text for each task.
    """
    if not isinstance(result, Mapping):
        return "there is no result"
    if result.get("success") is False:
        return "the result says that it failed"
    if isinstance(step, ParallelClaudeStep):
        parts = result.get("individual_results")
        given: Mapping[str, JsonValue] = parts if isinstance(parts, Mapping) else {}
        missing = [task.id for task in step.parallel_tasks if not _text_of(given.get(task.id))]
        return f"no text for {', '.join(missing)}" if missing else None
    if not isinstance(step, PromptStep):
        return f"a {getattr(step, 'type', 'step')} step has no contract that another step could meet"
    if step.output_schema is not None:
        return _schema_misfit(step.output_schema, result.get("result"))
    return None if _text_of(result) else "the answer holds no text"


def read_answer(
    alternative: Alternative, results: Mapping[str, JsonValue], outputs: Mapping[str, JsonValue], step: BaseStep
) -> JsonMap | None:
    """The result for `step` from a finished run of `alternative`; None when it holds none.

    It says where it came from under `recovery`, and `degraded: true` where it is.
    """
    result = _read(alternative, results, outputs, step)
    if result is None:
        return None
    if alternative.degraded:
        result["degraded"] = True
    result["recovery"] = {"strategy": alternative.strategy, "detail": alternative.detail}
    return result


def json_in(text: str) -> JsonValue | None:
    """The first JSON object or list in `text`, fenced or bare; None when there is none."""
    fenced = re.search(r"```(?:json)?\s*(.*?)```", text, re.DOTALL)
    for candidate in (fenced.group(1) if fenced else "", text):
        decoder = json.JSONDecoder()
        for match in re.finditer(r"[{\[]", candidate):
            try:
                value, _ = decoder.raw_decode(candidate, match.start())
            except (ValueError, RecursionError):
                continue
            return cast(JsonValue, value)
    return None


def _read(
    alternative: Alternative, results: Mapping[str, JsonValue], outputs: Mapping[str, JsonValue], step: BaseStep
) -> JsonMap | None:
    if alternative.reading == "parts":
        return _joined(results, step)
    if alternative.reading == "apology":
        text = outputs.get("text")
        return {"text": text, "result": text, "success": True, "provider": None} if isinstance(text, str) else None
    answer = results.get(ANSWER)
    if not isinstance(answer, Mapping):
        return None
    result = dict(answer)
    if alternative.reading == "json_in_text":
        result["result"] = json_in(_text_of(answer))
    return result


def _joined(results: Mapping[str, JsonValue], step: BaseStep) -> JsonMap | None:
    """The shape of a `parallel_claude` result from the results of its parts, run one by one."""
    if not isinstance(step, ParallelClaudeStep):
        return None
    parts: JsonMap = {task.id: results.get(f"part_{index}") for index, task in enumerate(step.parallel_tasks)}
    combined = "\n\n".join(f"## {task_id}\n{_text_of(part)}" for task_id, part in parts.items())
    return {
        "combined_results": combined,
        "individual_results": parts,
        "text": combined,
        "result": combined,
        "success": True,
    }


def _text_of(result: JsonValue) -> str:
    text = result.get("text") if isinstance(result, Mapping) else None
    return text.strip() if isinstance(text, str) else ""


def _schema_misfit(schema: JsonValue, data: JsonValue) -> str | None:
    try:
        errors = Draft202012Validator(cast(Any, normalise_schema(schema))).iter_errors(data)  # pyright: ignore[reportUnknownMemberType]
        first = next(iter(errors), None)
    except SchemaError as error:
        return f"the step's schema is not one: {error.message}"
    if first is None:
        return None
    place = "/".join(str(part) for part in first.absolute_path) or "the answer"
    return f"{place}: {first.message[:300]}"
