"""`retry_backoff`: {strategy, base_delay_ms, attempts} -> the delays before the retries, in milliseconds."""

from __future__ import annotations

import random
from typing import Any, get_args

from pipelines.language import RetryPolicy, build_pipeline


def delays_ms(given: dict[str, Any]) -> list[float]:
    """Without jitter, and with a cap that no delay reaches: the reference has neither."""
    if given["strategy"] not in get_args(RetryPolicy.model_fields["backoff"].annotation):
        _refuse(given["strategy"])
    policy = RetryPolicy(
        base_delay_s=given["base_delay_ms"] / 1000,
        max_delay_s=86_400,
        backoff=given["strategy"],
        jitter=0,
    )
    rng = random.Random(0)
    return [round(policy.delay_s(retry, rng) * 1000, 6) for retry in range(1, given["attempts"] + 1)]


def _refuse(strategy: Any) -> None:
    """Raises what loading a step with that strategy raises."""
    step: dict[str, Any] = {"name": "asked", "type": "claude_robust", "prompt": "x"}
    step["retry_config"] = {"backoff_strategy": strategy}
    build_pipeline({"name": "conformance", "steps": [step]})
