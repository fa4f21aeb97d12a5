"""What `claude_robust` takes for worth a retry, and what it says in place of an answer."""

from __future__ import annotations

from pydantic import JsonValue

from pipelines.execution.failure import FailureKind, StepFailure
from pipelines.language import ClaudeRobustStep

_WORDS = {
    "timeout": ("timeout", "timed out", "in time"),
    "rate_limit": ("rate_limit", "rate limit", "overloaded", "429"),
}


def worth_a_retry(failure: StepFailure, conditions: tuple[str, ...]) -> bool:
    """Whether the step's `retry_conditions` let this failure be tried again; without any, its kind decides alone."""
    if not failure.kind.worth_another_try:
        return False
    return not conditions or any(_meets(failure, each.lower()) for each in conditions)


def _meets(failure: StepFailure, condition: str) -> bool:
    if condition == "timeout" and failure.kind is FailureKind.TIMEOUT:
        return True
    if condition in {"temporary_error", "api_error"}:
        return failure.kind is FailureKind.TRANSIENT
    text = f"{failure.code} {failure.message}".lower()
    return any(word in text for word in _WORDS.get(condition, (condition,)))


def notice(step: ClaudeRobustStep, error: dict[str, JsonValue], *, emergency: bool) -> dict[str, JsonValue]:
    """A result without an answer, which says so. With a `schema` its `result` is null: nothing could conform."""
    what = f"The step '{step.name}' could not be answered ({error.get('code')}: {str(error.get('message'))[:200]})."
    text = (
        f"[Emergency] {what} A person must look at it."
        if emergency
        else f"[Degraded answer] {what} Nothing was understood or looked up."
    )
    facts: dict[str, JsonValue] = {"emergency_mode": True, "requires_attention": True} if emergency else {}
    return {"text": text, "result": None if step.output_schema is not None else text, "provider": None, **facts}


def degraded(
    step: ClaudeRobustStep, action: str, answer: dict[str, JsonValue], error: dict[str, JsonValue]
) -> dict[str, JsonValue]:
    """The result of a step that came to `action`: marked so that conditions and readers can tell."""
    return {
        **answer,
        "success": True,
        "degraded": True,
        "status": "degraded",
        "degraded_mode": True,
        "fallback_type": action,
        "original_error": error,
        "robustness_metadata": robustness(step, error.get("attempts"), error, recovered=False),
    }


def answered(step: ClaudeRobustStep, answer: dict[str, JsonValue], attempt: int) -> dict[str, JsonValue]:
    """The result of a step that got its answer."""
    return {
        **answer,
        "degraded": False,
        "status": "succeeded",
        "robustness_metadata": robustness(step, attempt, None, recovered=attempt > 1),
    }


def robustness(
    step: ClaudeRobustStep, attempt: JsonValue, error: dict[str, JsonValue] | None, *, recovered: bool
) -> dict[str, JsonValue]:
    """What the result says of its attempts."""
    return {
        "attempt_number": attempt,
        "total_attempts": step.retry.max_attempts,
        "retry_strategy_used": step.retry.backoff,
        "recovery_successful": recovered,
        "last_error": error,
    }
