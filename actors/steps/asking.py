"""What the steps that ask a provider share: from a step to a request, from an answer to a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import JsonValue

from actors.providers import Answer, Request
from actors.steps.context import StepContext
from pipelines.context import pieces_of
from pipelines.extraction import normalise_schema
from pipelines.language import ParallelTask, PromptStep, Scope, render, render_text

DEFAULT_MAX_TOKENS = 4096
DEFAULT_TIMEOUT_S = 120.0


def make_request(
    asked: PromptStep | ParallelTask,
    scope: Scope,
    options: Mapping[str, JsonValue],
    timeout_s: float | None,
    schema: JsonValue = None,
) -> Request:
    """The request of a step or task. What it says itself goes before its `options` (claude_options, a preset).

    Raises `TemplateError`.
    """
    schema = getattr(asked, "output_schema", schema)
    prompt = render_text(asked.prompt, scope)
    return Request(
        prompt=prompt,
        parts=pieces_of(asked.prompt, asked.prompt_parts, scope, prompt),
        system=_system(asked, scope, options),
        model=asked.model or _text(options.get("model")),
        max_tokens=asked.max_tokens or _whole(options.get("max_tokens")) or DEFAULT_MAX_TOKENS,
        temperature=asked.temperature if asked.temperature is not None else _number(options.get("temperature")),
        json_schema=None if schema is None else schema_of(schema),
        timeout_s=timeout_s or _timeout_s(options) or DEFAULT_TIMEOUT_S,
        top_p=_number(options.get("top_p")),
        top_k=_whole(options.get("top_k")),
    )


def schema_of(schema: JsonValue) -> Mapping[str, Any]:
    """A step's `schema`, in JSON Schema's or the mission's form, as JSON Schema."""
    return cast("Mapping[str, Any]", normalise_schema(schema))


def result_of(answer: Answer) -> dict[str, JsonValue]:
    """The result of a step that asked a provider: the text, and as `result` the data where there is some."""
    usage: dict[str, JsonValue] = {
        "input_tokens": answer.usage.input_tokens,
        "output_tokens": answer.usage.output_tokens,
    }
    return {
        "text": answer.text,
        "result": answer.text if answer.data is None else answer.data,
        "success": True,
        "provider": answer.provider,
        "model": answer.model,
        "usage": usage,
        "cost_usd": None if answer.cost_usd is None else str(answer.cost_usd),
        "metadata": {"stop_reason": answer.stop_reason, **dict(answer.metadata)},
    }


async def ask_step(context: StepContext, family: str, options: Mapping[str, JsonValue]) -> tuple[Answer, Request]:
    """Asks what the step asks. Raises `ProviderError`, `TemplateError`, the jail's errors, `SwitchedOffError`."""
    step: PromptStep = context.step
    scope = await context.scope_with_files(step)
    request = make_request(step, scope, options, step.timeout_s)
    return await context.ask(context.provider(family), request), request


def rendered_options(options: Mapping[str, JsonValue], scope: Scope) -> dict[str, JsonValue]:
    """`claude_options` with their templates rendered."""
    rendered = render(dict(options), scope)
    return rendered if isinstance(rendered, dict) else {}


def _system(asked: PromptStep | ParallelTask, scope: Scope, options: Mapping[str, JsonValue]) -> str | None:
    if asked.system is not None:
        return render_text(asked.system, scope)
    parts = [_text(options.get("system_prompt")), _text(options.get("append_system_prompt"))]
    return "\n\n".join(part for part in parts if part) or None


def _timeout_s(options: Mapping[str, JsonValue]) -> float | None:
    milliseconds = _number(options.get("timeout_ms"))
    return None if milliseconds is None or milliseconds <= 0 else milliseconds / 1000


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
