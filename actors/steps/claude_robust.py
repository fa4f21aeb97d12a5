"""`claude_robust`: asks as often as its policy says, and has an answer even when that does not help."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from pydantic import JsonValue

from actors.providers import ProviderError, RefusedError, Request, TransientError
from actors.steps.answer_cache import cached_answer, keep_answer
from actors.steps.asking import make_request, result_of
from actors.steps.conforming import ask_conforming
from actors.steps.context import StepContext
from actors.steps.errors import StepError, failure_of
from actors.steps.preset_options import options_with_preset, preset_facts
from pipelines.execution import FailureKind, LimitReachedError, answered, degraded, notice, worth_a_retry
from pipelines.language import ClaudeRobustStep, LanguageError
from pipelines.presets import DEFAULT_PRESETS
from pipelines.recovery import simplified

_SIMPLIFIED_TEMPERATURE = 0.3
# Mistakes in the definition and what is forbidden must be seen, and not be papered over.
_NOT_DEGRADED = frozenset({FailureKind.INVALID, FailureKind.FORBIDDEN})


async def ask_robust(context: StepContext) -> JsonValue:
    """One attempt. Raises what `StepContext.ask` raises; a failure that `retry_conditions` do not name is raised as one
    that is not tried again."""
    step: ClaudeRobustStep = context.step
    request = await _request(context)
    provider = context.provider("claude")
    try:
        if request.json_schema is None:
            answer = result_of(await context.ask(provider, request))
        else:
            _, answer = await ask_conforming(context, provider, request)
    except TransientError as error:
        if worth_a_retry(failure_of(error), step.retry_config.retry_conditions):
            raise
        raise RefusedError(error.code, error.provider, error.message) from error
    if step.retry_config.fallback_action == "use_cached_response":
        await keep_answer(context, request, answer)
    preset = step.preset or DEFAULT_PRESETS[step.type]
    return {**answered(step, answer, context.attempt), **preset_facts(context, preset)}


async def degrade(context: StepContext, error: dict[str, JsonValue], kind: FailureKind) -> JsonValue | None:
    """What stands for the answer when the attempts are used up, by `fallback_action`; None when there is nothing."""
    step: ClaudeRobustStep = context.step
    action = step.retry_config.fallback_action
    if kind in _NOT_DEGRADED:
        return None
    match action:
        case "graceful_degradation":
            found: dict[str, JsonValue] | None = notice(step, error, emergency=False)
        case "emergency_response":
            found = notice(step, error, emergency=True)
        case "use_cached_response":
            found = await _cached(context)
        case "simplified_prompt":
            found = await _simplified(context)
        case "none":
            found = None
    return None if found is None else degraded(step, action, found, error)


async def _cached(context: StepContext) -> dict[str, JsonValue] | None:
    with contextlib.suppress(LanguageError, StepError):
        return await cached_answer(context, await _request(context))
    return None


async def _simplified(context: StepContext) -> dict[str, JsonValue] | None:
    """One more call, shorter and plainer. None when it fails, too."""
    with contextlib.suppress(ProviderError, LanguageError, StepError, LimitReachedError):
        request = await _request(context)
        shorter = replace(request, prompt=simplified(request.prompt), temperature=_SIMPLIFIED_TEMPERATURE)
        provider = context.provider("claude")
        if request.json_schema is None:
            return result_of(await context.ask(provider, shorter, "simplified"))
        return (await ask_conforming(context, provider, shorter, ("simplified", "simplified again")))[1]
    return None


async def _request(context: StepContext) -> Request:
    step: ClaudeRobustStep = context.step
    _, options = options_with_preset(context)
    return make_request(step, await context.scope_with_files(step), options, step.timeout_s)
