"""`pipeline`: checks the inner pipeline and its inputs; the run unfolds it (`pipelines.execution.nesting`)."""

from __future__ import annotations

import asyncio

from actors.steps.context import StepContext
from pipelines.execution import Composite, NestedRun, enter, inner_scope
from pipelines.language import Pipeline, PipelineStep, load_pipeline, render_text

_DEFINITION = "@definition"


async def open_pipeline(context: StepContext) -> Composite:
    """Raises `InvalidPipelineError`, `InvalidInputsError`, `TemplateError`, `NestingError` or the jail's errors."""
    step: PipelineStep = context.step
    child = step.pipeline if step.pipeline is not None else await _read(context, step.pipeline_file or "")
    ancestry = enter(step, child, context.ancestry)
    return NestedRun(context.key, step, child, inner_scope(step, child, context.scope), ancestry)


async def _read(context: StepContext, file: str) -> Pipeline:
    """Reads the file once a run: a resumed run goes on with the text it began with, whatever the file says now."""
    path = render_text(file, context.scope)
    text = await context.record(_DEFINITION, await context.in_thread(context.jail.read_text, path))
    return await asyncio.to_thread(load_pipeline, str(text), source=path)
