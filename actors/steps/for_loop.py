"""`for_loop`: finds the items; the run unfolds the iterations (`pipelines.execution.loop`)."""

from __future__ import annotations

from actors.steps.context import StepContext
from pipelines.execution import Composite, LoopRun, loop_items
from pipelines.language import ForLoopStep


async def open_loop(context: StepContext) -> Composite:
    """Raises `TemplateError` or `LoopInputError` when there is nothing to go over."""
    step: ForLoopStep = context.step
    return LoopRun(context.key, step, loop_items(step, context.scope), context.scope, context.ancestry)
