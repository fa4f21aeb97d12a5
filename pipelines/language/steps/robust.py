"""`claude_robust`: a question that has an answer in any case, if need be one that says it is none."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, field_validator

from pipelines.language.parts import Part, RetryPolicy

from .base import JsonMap, Preset, PromptStep

_STRATEGIES: Final = ("linear", "exponential", "fixed")


class RobustConfig(Part):
    """How often and for what the question is asked again, and what is done when that is used up.

    `retry_conditions` (`timeout`, `rate_limit`, `temporary_error`, `api_error`, or a part of the error's text) narrow
    what is worth a retry; without them it is whatever may go better the next time. `fallback_action`:
    graceful_degradation (a notice in place of the answer), use_cached_response (the last answer to the same prompt in
    this workspace), simplified_prompt (one more call), emergency_response (a notice that asks for a person), none.
    """

    max_retries: int = Field(default=3, ge=0, le=99)
    backoff_strategy: Literal["exponential", "linear", "fixed"] = "exponential"
    base_delay_ms: float = Field(default=1000, ge=0, le=3_600_000)
    max_delay_ms: float = Field(default=30_000, ge=0, le=86_400_000)
    jitter: float = Field(default=0.2, ge=0, le=1)
    retry_conditions: tuple[str, ...] = ()
    fallback_action: Literal[
        "graceful_degradation", "use_cached_response", "simplified_prompt", "emergency_response", "none"
    ] = "graceful_degradation"

    @field_validator("backoff_strategy", mode="before")
    @classmethod
    def _is_a_known_strategy(cls, value: object) -> object:
        if value not in _STRATEGIES:
            raise ValueError(f"backoff_strategy must be one of: {', '.join(_STRATEGIES)}")
        return value


class ClaudeRobustStep(PromptStep):
    """Its `retry` follows from `retry_config`, unless it has one of its own. Its result says `degraded` and `status`
    (succeeded or degraded) in any case, for conditions."""

    type: Literal["claude_robust"]
    retry: RetryPolicy = RetryPolicy(max_attempts=4, base_delay_s=1.0)
    retry_config: RobustConfig = RobustConfig()
    preset: Preset | None = None
    environment_aware: bool = False
    claude_options: JsonMap = {}
