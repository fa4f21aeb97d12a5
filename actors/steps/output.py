"""`output_to_file`: a step's result as a file of the workspace, under the pipeline's `output_dir` (`outputs`)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue

from actors.steps.context import StepContext
from pipelines.language import ParallelClaudeStep, render_text, unwrap

OUTPUT_DIRECTORY = "outputs"


async def write_outputs(context: StepContext, result: JsonValue) -> None:
    """All files of a step whose result came from elsewhere: its own, and those of its parallel tasks.

    Raises as `write_output` does.
    """
    parts = result.get("individual_results") if isinstance(result, Mapping) else None
    if isinstance(context.step, ParallelClaudeStep) and isinstance(parts, Mapping):
        for task in context.step.parallel_tasks:
            part = parts.get(task.id)
            if task.output_to_file is not None and isinstance(part, Mapping):
                await write_text(context, render_text(task.output_to_file, context.scope), as_file_text(dict(part)))
    if context.step.output_to_file is not None:
        await write_output(context, result)


async def write_output(context: StepContext, result: JsonValue) -> None:
    """Writes what a later step would read as the step's result: text verbatim, everything else as indented JSON.

    Raises the jail's errors, or `TemplateError` for the path.
    """
    await write_text(context, render_text(context.step.output_to_file, context.scope), as_file_text(result))


def as_file_text(result: JsonValue) -> str:
    """The file's text for a result. Provider results are written without tokens and costs."""
    value = unwrap(result)
    if isinstance(result, Mapping) and isinstance(result.get("iterations"), list):
        value = result
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


async def write_text(context: StepContext, path: str, text: str) -> None:
    """Writes below the pipeline's `output_dir`, else below that of the pipeline it is nested in, else below
    `outputs/`; a path that says so already is taken as it is. Raises the jail's errors, also for the directory."""
    jail = context.jail
    told = context.scope.workflow.get("output_dir")
    directory = jail.relative(render_text(told, context.scope)) if isinstance(told, str) else (OUTPUT_DIRECTORY,)
    parts = jail.relative(path)
    inside = "/".join(parts if parts[: len(directory)] == directory else (*directory, *parts))
    await context.in_thread(jail.write_text, inside, text)
