"""`pipeline_executor` and `parallel_pipeline_executor`: check pipelines that are data.

The run unfolds those that may run (`pipelines.execution.trials`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, cast

from pydantic import JsonValue

from actors.library import link_here
from actors.steps.context import StepContext
from actors.steps.errors import PipelineDataError
from actors.steps.lasting import ran_for_s
from pipelines.execution import (
    Ancestry,
    Composite,
    LimitReachedError,
    NestingError,
    Refused,
    Trial,
    TrialsRun,
    enter,
    inner_scope,
)
from pipelines.language import (
    ExecutorStep,
    LanguageError,
    ParallelPipelineExecutorStep,
    Pipeline,
    PipelineExecutorStep,
    PipelineStep,
    build_pipeline,
    load_pipeline,
    parse_json,
    render,
    to_yaml,
)
from pipelines.linking import has_references

MOST_PIPELINES: Final = 50
_FENCE: Final = re.compile(r"```(?:ya?ml|json)?[ \t]*\n(.*?)^```", re.S | re.M)


async def open_trial(context: StepContext) -> Composite:
    """Raises `TemplateError`; what is wrong with the pipeline itself is its result."""
    step: PipelineExecutorStep = context.step
    return await _open(context, [render(step.pipeline, context.scope)])


async def open_trials(context: StepContext) -> Composite:
    """Raises `TemplateError`, or `PipelineDataError` when there is no list of pipelines or it is too long."""
    step: ParallelPipelineExecutorStep = context.step
    given = render(step.pipelines, context.scope)
    if isinstance(given, str):
        try:
            given = parse_json(given)
        except ValueError:
            given = list[JsonValue]([given])
    if isinstance(given, Mapping):
        given = list[JsonValue]([dict(given)] if "steps" in given or "workflow" in given else given.values())
    if not isinstance(given, list) or not given:
        raise PipelineDataError("`pipelines` is no list of pipelines, or an empty one")
    if len(given) > MOST_PIPELINES:
        raise PipelineDataError(f"{len(given)} pipelines are more than the {MOST_PIPELINES} that one step may run")
    return await _open(context, given)


async def _open(context: StepContext, given: list[JsonValue]) -> Composite:
    step: ExecutorStep = context.step
    trials: list[Trial | Refused] = []
    steps = context.ancestry.total_steps
    for index, each in enumerate(given):
        made = await asyncio.to_thread(_read, each, f"{step.name}[{index}]")
        if isinstance(made, Pipeline) and has_references(made):
            made = await _complete(context, made, index)
        if isinstance(made, Pipeline):
            # All of them count: the limit is the whole step's.
            above = replace(context.ancestry, total_steps=steps)
            made = _trial(context, made, above)
        if isinstance(made, Trial):
            steps = made.ancestry.total_steps
        trials.append(made)
    return TrialsRun(context.key, step, tuple(trials), ran_s=await ran_for_s(context, step.config.max_seconds))


async def _complete(context: StepContext, pipeline: Pipeline, index: int) -> Pipeline | Refused:
    """The pipeline with what it refers to in the node's library, as that was when the step first began."""
    part = f"@linked[{index}]"
    kept = (await context.recall()).get(part)
    try:
        if kept is None:
            _, whole = await link_here(context.kernel, to_yaml(pipeline), pipeline.name)
            kept = await context.record(part, whole)
        return await asyncio.to_thread(load_pipeline, str(kept), source=pipeline.name)
    except LanguageError as error:
        return Refused(pipeline.name, {"code": error.code, "message": str(error)})


def _read(data: JsonValue, source: str) -> Pipeline | Refused:
    """A definition from a map, from text, or from the result of a step that wrote one."""
    if isinstance(data, Mapping) and "steps" not in data and "workflow" not in data:
        data = data.get("result", data.get("text", dict(data)))
    try:
        if isinstance(data, str):
            fenced = _FENCE.search(data)
            return load_pipeline(fenced[1] if fenced else data, source=source)
        if isinstance(data, Mapping):
            return build_pipeline(cast("Mapping[str, JsonValue]", data), source=source)
    except LanguageError as error:
        return Refused(source, {"code": error.code, "message": str(error)})
    return Refused(source, {"code": "no_pipeline", "message": f"expected a pipeline, got {type(data).__name__}"})


def _trial(context: StepContext, child: Pipeline, above: Ancestry) -> Trial | Refused:
    step: ExecutorStep = context.step
    known = {*child.inputs, *child.implied_inputs}
    inputs = {name: value for name, value in step.inputs.items() if name in known}
    holder = PipelineStep(name=step.name, type="pipeline", pipeline=child, inputs=inputs, config=step.config)
    try:
        return Trial(child, inner_scope(holder, child, context.scope), enter(holder, child, above))
    except LimitReachedError as error:
        return Refused(child.name, error.error(step.name, "pipeline"))
    except NestingError as error:
        return Refused(child.name, {"code": "nesting", "message": str(error)})
    except LanguageError as error:
        return Refused(child.name, {"code": error.code, "message": str(error)})
