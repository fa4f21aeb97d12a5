"""`checkpoint`: what is there when everything before it is done."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import JsonValue

from actors.steps.context import StepContext
from pipelines.language import CheckpointStep, render


async def hold(context: StepContext) -> JsonValue:
    """The variables, the names of the steps that are done, and the rendered `data`. Raises `TemplateError`."""
    step: CheckpointStep = context.step
    return {
        "success": True,
        "checkpoint": step.name,
        "at": datetime.fromtimestamp(context.kernel.clock.wall(), UTC).isoformat(),
        "state": dict(context.scope.state),
        "completed": list[JsonValue](sorted(context.scope.steps)),
        "data": render(step.data, context.scope),
    }
