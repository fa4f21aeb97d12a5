"""What a step leaves behind that is passed over: its condition does not hold, or it failed and is to be skipped."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue

from pipelines.language import Scope, Step, evaluate


def skipped_result(step: Step, scope: Scope) -> JsonValue | None:
    """The result of a step that must not run, None when it may. Raises `ConditionError`."""
    if step.condition is None or evaluate(step.condition, scope):
        return None
    text = step.condition if isinstance(step.condition, str) else json.dumps(step.condition, ensure_ascii=False)
    return {"success": True, "skipped": True, "reason": f"Condition not met: {text}"}


def skipped_by_failure(name: str, error: dict[str, JsonValue]) -> JsonValue:
    """The result of a failed step with `on_error: skip`."""
    return {"success": False, "skipped": True, "reason": f"Step failed: {name}", "error": error, "skipped_by": name}


def skipped_with(name: str) -> JsonValue:
    """The result of a step that waits for a skipped one."""
    return {"success": False, "skipped": True, "reason": f"Dependency skipped: {name}", "skipped_by": name}


def skips_others(status: str, result: JsonValue) -> bool:
    """Whether steps that wait for one with this record are skipped, too: not so when only its condition was false."""
    return status == "skipped" and isinstance(result, Mapping) and "skipped_by" in result
