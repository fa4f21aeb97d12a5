"""A run's record as its history: every recorded step in order. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from actors.journal import FORMER, RunRecord, StepRecord
from pipelines.execution import Spending


def history_of(record: RunRecord) -> dict[str, Any]:
    """The run's facts and its steps in the order they were recorded.

    A step's `at` is Unix time, `after_s` seconds since the run was opened. `kept` says that it is something that a
    step or the run noted for itself, `former` in which round of `resume` its result ceased to stand, `taken_over` that
    it comes from the run `made_of` names. `level` is how deep it is nested.
    """
    meta = cast("Mapping[str, Any]", record.meta)
    made_of = cast("Mapping[str, Any] | None", meta.get("made_of"))
    sum_of_all = Spending()
    for step in record.steps.values():
        sum_of_all.add(step.result)
    return {
        "run_id": record.run_id,
        "pipeline": record.pipeline_name,
        "definition_hash": record.definition_hash,
        "status": record.status,
        "opened_at": record.opened_at,
        "closed_at": record.closed_at,
        "made_of": made_of,
        "resumed": meta.get("resumed") or [],
        "blanked_at": meta.get("blanked_at"),
        "usage": sum_of_all.usage,
        "cost_usd": sum_of_all.cost_usd,
        "steps": [_line(record, step, _taken(made_of)) for step in record.steps.values()],
    }


def _taken(made_of: Mapping[str, Any] | None) -> frozenset[str]:
    """The steps, and paths inside of steps, that came from another run."""
    return frozenset() if made_of is None else frozenset((*made_of["taken_over"], *made_of.get("taken_within", ())))


def _line(record: RunRecord, step: StepRecord, taken: frozenset[str]) -> dict[str, Any]:
    path, former = step.step, None
    if path.startswith(FORMER):
        number, _, path = path.removeprefix(FORMER).partition("/")
        former = int(number.strip("[]"))
    result: Any = step.result
    facts = cast("dict[str, Any]", result) if isinstance(result, dict) else {}
    error: Any = facts.get("error") if step.status in ("failed", "continued") else None
    if step.status == "failed" and error is None:
        error = facts
    stored = step.stored
    return {
        "step": path,
        "level": path.count("/") + path.count("["),
        "status": step.status,
        "attempt": step.attempt,
        "at": step.at,
        "after_s": round(step.at - record.opened_at, 6),
        "bytes": stored.size_bytes if stored is not None else len(json.dumps(result, separators=(",", ":"))),
        "usage": facts.get("usage"),
        "cost_usd": facts.get("cost_usd"),
        "error": cast("dict[str, Any]", error).get("code") if isinstance(error, dict) else None,
        "kept": "/@" in path,
        "former": former,
        "taken_over": path in taken or _top(path) in taken,
    }


def _top(path: str) -> str:
    return path.partition("/")[0].partition("[")[0]
