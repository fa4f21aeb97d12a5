"""`recursion_guard`: whether one more pipeline may be entered below a chain of others.

`resource_limits`: whether one has taken more memory or time than it may.
"""

from __future__ import annotations

from typing import Any, cast

from pipelines.execution import Ancestry, enter, resource_breach
from pipelines.language import NestingConfig, PipelineStep, build_pipeline

_STEP: Any = {"name": "s", "type": "test_echo", "value": 1}


def entered(given: dict[str, Any]) -> str:
    """ "ok", or the refusal. A pipeline is known by its content here, so each name stands for a content of its own.

    `depth` is the depth that is reached and `step_counts` the steps of the nested pipelines on the way there.
    """
    child: Any = {"name": given.get("pipeline_id") or "the_child", "steps": [_STEP]}
    step: Any = {"name": "enter", "type": "pipeline", "pipeline": child, "config": given.get("limits") or {}}
    holder = cast(PipelineStep, build_pipeline({"name": "holder", "steps": [step]}).steps[0])
    inner = holder.pipeline
    assert inner is not None
    chain: list[str] = list(given.get("chain") or [])
    hashes = [_content_of(name) for name in chain]
    depth = given.get("depth")
    if depth is not None:
        unnamed = depth - len(chain)
        hashes = [*(f"unnamed {number}" for number in range(unnamed)), *hashes]
        chain = [*("..." for _ in range(unnamed)), *chain]
    above = sum(given.get("step_counts") or []) - len(inner.steps)
    enter(holder, inner, Ancestry(tuple(chain), tuple(hashes), max(0, above)))
    return "ok"


def _content_of(name: str) -> str:
    return build_pipeline({"name": name, "steps": [_STEP]}).content_hash


def held(given: dict[str, Any]) -> str:
    """ "ok", or what a nested pipeline that was given these limits is failed with."""
    config = NestingConfig.model_validate(given.get("limits") or {})
    breach = resource_breach(
        memory_bytes=given.get("memory_bytes") or 0,
        memory_limit_mb=config.memory_limit_mb,
        elapsed_s=(given.get("elapsed_ms") or 0) / 1000,
        timeout_s=config.timeout_seconds,
    )
    return breach or "ok"
