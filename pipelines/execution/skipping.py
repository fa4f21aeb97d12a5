"""What a step leaves behind when its condition does not hold."""

from __future__ import annotations

import json

from pydantic import JsonValue

from pipelines.language import Scope, Step, evaluate


def skipped_result(step: Step, scope: Scope) -> JsonValue | None:
    """The result of a step that must not run, None when it may. Raises `ConditionError`."""
    if step.condition is None or evaluate(step.condition, scope):
        return None
    text = step.condition if isinstance(step.condition, str) else json.dumps(step.condition, ensure_ascii=False)
    return {"success": True, "skipped": True, "reason": f"Condition not met: {text}"}
