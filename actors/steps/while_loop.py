"""`while_loop`: its condition holds, else it would have been skipped; the run unfolds the passes
(`pipelines.execution.while_loop`)."""

from __future__ import annotations

from actors.steps.context import StepContext
from pipelines.execution import Composite, WhileRun
from pipelines.language import WhileLoopStep


async def open_while(context: StepContext) -> Composite:
    """Begins with the first pass."""
    step: WhileLoopStep = context.step
    return WhileRun(context.key, step, context.scope, context.ancestry)
