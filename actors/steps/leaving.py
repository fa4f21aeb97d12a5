"""`break` and `continue`: their result says that the pass around them ends (`pipelines.execution.branches`)."""

from __future__ import annotations

from pydantic import JsonValue

from actors.steps.context import StepContext
from pipelines.execution import leaving_result


async def leave(context: StepContext) -> JsonValue:
    """Reached: the pass ends once this is on record."""
    return leaving_result(context.step)
