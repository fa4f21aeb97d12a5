"""What an answer must look like to take the place of a step's result, and how an alternative's answer is read."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from pipelines.execution import Spending
from pipelines.extraction import NoJsonError, normalise_schema, parse_json_answer, validate_against
from pipelines.language import BaseStep, ParallelClaudeStep, PromptStep
from pipelines.recovery.alternatives import Alternative
from pipelines.recovery.questions import ANSWER, JsonMap


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
        return next(iter(validate_against(normalise_schema(step.output_schema), result.get("result"))), None)
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
        try:
            result["result"] = parse_json_answer(_text_of(answer))
        except NoJsonError:
            return None
    return result


def _joined(results: Mapping[str, JsonValue], step: BaseStep) -> JsonMap | None:
    """The shape of a `parallel_claude` result from the results of its parts, run one by one."""
    if not isinstance(step, ParallelClaudeStep):
        return None
    parts: JsonMap = {task.id: results.get(f"part_{index}") for index, task in enumerate(step.parallel_tasks)}
    combined = "\n\n".join(f"## {task_id}\n{_text_of(part)}" for task_id, part in parts.items())
    spent = Spending()
    spent.add_all(parts.values())
    return {
        "combined_results": combined,
        "individual_results": parts,
        "results": [part.get("result") if isinstance(part, Mapping) else None for part in parts.values()],
        "text": combined,
        "result": combined,
        "success": True,
        "usage": {**spent.usage},
        "cost_usd": spent.cost_usd,
    }


def _text_of(result: JsonValue) -> str:
    text = result.get("text") if isinstance(result, Mapping) else None
    return text.strip() if isinstance(text, str) else ""
