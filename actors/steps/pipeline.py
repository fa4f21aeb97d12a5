"""`pipeline`: checks the inner pipeline and its inputs; the run unfolds it (`pipelines.execution.nesting`)."""

from __future__ import annotations

import asyncio

from actors.library import fetch_here, link_here
from actors.steps.context import StepContext
from actors.steps.lasting import ran_for_s, resident_bytes
from pipelines.execution import Composite, NestedRun, enter, inner_scope, longest_s
from pipelines.language import Pipeline, PipelineStep, load_pipeline, render_text

_DEFINITION = "@definition"


async def open_pipeline(context: StepContext) -> Composite:
    """Raises `InvalidPipelineError`, `InvalidInputsError`, `TemplateError`, `NestingError`, `LimitReachedError`, the
    jail's errors, or those of the library for a definition that refers to it and was not completed when the run was
    submitted."""
    step: PipelineStep = context.step
    child = step.pipeline if step.pipeline is not None else await _read(context, step)
    ancestry = enter(step, child, context.ancestry)
    scope = inner_scope(step, child, context.scope)
    ran_s = await ran_for_s(context, longest_s(step.config, child))
    return NestedRun(context.key, step, child, scope, ancestry, ran_s=ran_s, memory_bytes=resident_bytes)


async def _read(context: StepContext, step: PipelineStep) -> Pipeline:
    """Reads it once a run: a resumed run goes on with the text it began with, whatever file and library say now."""
    kept = (await context.recall()).get(_DEFINITION)
    if kept is None:
        if step.pipeline_ref is not None:
            source = step.pipeline_ref
            text = await fetch_here(context.kernel, source)
        else:
            source = render_text(step.pipeline_file or "", context.scope)
            text = await context.in_thread(context.jail.read_text, source)
        pipeline, whole = await link_here(context.kernel, text, source)
        kept = await context.record(_DEFINITION, whole)
        if kept == whole:
            return pipeline
    return await asyncio.to_thread(load_pipeline, str(kept), source=f"<the definition of step {step.name}>")
