"""`output_to_file`: a step's result as a file of the workspace, under `outputs/`."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue

from actors.steps.context import StepContext
from pipelines.language import render_text, unwrap

OUTPUT_DIRECTORY = "outputs"


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
    """Writes below `outputs/`; a path that says so already is taken as it is."""
    jail = context.jail
    parts = jail.relative(path)
    inside = "/".join(parts if parts[:1] == (OUTPUT_DIRECTORY,) else (OUTPUT_DIRECTORY, *parts))
    await context.in_thread(jail.write, inside, text.encode())
