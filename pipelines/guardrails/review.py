"""What is said of a run after its end: how its steps came out, how fast, and where the money went. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from pydantic import JsonValue

from pipelines.guardrails.phases import Level

#: Statuses of steps whose own attempts came to nothing.
FAILED_BY_THEMSELVES: Final = frozenset({"recovered", "degraded", "continued", "failed"})
_MOST = 5


@dataclass(frozen=True, slots=True)
class Ending:
    """A run as it ended. `counts` are of all steps by status; `statuses` and `results` of its own steps. `slowest` in
    seconds, the slowest first. `retries` as far as the run's events are still kept."""

    counts: Mapping[str, int]
    statuses: Mapping[str, str]
    slowest: tuple[tuple[str, float], ...]
    results: Mapping[str, JsonValue]
    outputs: Mapping[str, JsonValue]
    duration_s: float
    tokens: int
    cost_usd: str | None
    retries: int


def review(level: Level, ending: Ending) -> dict[str, JsonValue]:
    """What the level's rules after a run have to say."""
    said: dict[str, JsonValue] = {"level": level.name}
    if "output_quality_assessment" in level.post_execution:
        said["quality"] = _quality(ending)
    if "performance_metrics_collection" in level.post_execution:
        said["metrics"] = _metrics(ending)
    if "cost_analysis_and_optimization" in level.post_execution:
        said["cost"] = _cost(ending)
    return said


def _quality(ending: Ending) -> JsonValue:
    # Told, and no verdict for the quality breaker: a step fails for a vendor's or a file's sake as well.
    counts = Counter(ending.counts)
    counted = counts.total() - counts["skipped"]
    by_themselves = counted - sum(counts[status] for status in FAILED_BY_THEMSELVES)
    empty: list[JsonValue] = [name for name, value in ending.outputs.items() if value in (None, "", [], {})]
    return {
        "steps": dict[str, JsonValue](sorted(counts.items())),
        "score": None if not counted else round(by_themselves / counted, 4),
        "empty_outputs": empty[:_MOST],
    }


def _metrics(ending: Ending) -> JsonValue:
    return {
        "duration_s": round(ending.duration_s, 6),
        "steps": sum(ending.counts.values()),
        "retries": ending.retries,
        "tokens": ending.tokens,
        "tokens_per_s": round(ending.tokens / ending.duration_s, 1) if ending.duration_s > 0 else None,
        "slowest": [{"step": step, "seconds": round(seconds, 6)} for step, seconds in ending.slowest],
    }


def _cost(ending: Ending) -> JsonValue:
    costs = {step: cost for step, result in ending.results.items() if (cost := _cost_of(result)) is not None}
    total = sum(costs.values(), Decimal(0))
    wasted = sum(
        (cost for step, cost in costs.items() if ending.statuses.get(step) in FAILED_BY_THEMSELVES), Decimal(0)
    )
    dearest = sorted(costs.items(), key=lambda each: -each[1])[:_MOST]
    unpriced: list[JsonValue] = [
        step
        for step, result in ending.results.items()
        if isinstance(result, Mapping) and "usage" in result and result.get("cost_usd") is None
    ]
    return {
        "usd": ending.cost_usd,
        "usd_of_steps_that_failed_by_themselves": str(wasted),
        "dearest": [
            {"step": step, "usd": str(cost), "share": round(float(cost / total), 4) if total else 0.0}
            for step, cost in dearest
            if cost
        ],
        "unpriced_steps": unpriced[:_MOST],
    }


def _cost_of(result: JsonValue) -> Decimal | None:
    said = result.get("cost_usd") if isinstance(result, Mapping) else None
    if not isinstance(said, str):
        return None
    try:
        cost = Decimal(said)
    except InvalidOperation:
        return None
    return cost if cost.is_finite() and cost >= 0 else None
