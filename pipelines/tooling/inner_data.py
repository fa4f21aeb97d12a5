"""The pipelines that an executor has in its own text, where they are no templates."""

from __future__ import annotations

import json

from pydantic import JsonValue

from pipelines.language import ExecutorStep, LanguageError, Pipeline, is_template, load_pipeline


def pipelines_in(step: ExecutorStep) -> tuple[Pipeline, ...] | None:
    """All of them; None where one is made by the run, or does not load."""
    data: JsonValue = getattr(step, "pipeline", None) or getattr(step, "pipelines", None)
    each = data if isinstance(data, list) else [data]
    try:
        return tuple(_read(value) for value in each)
    except (LanguageError, ValueError, TypeError):
        return None


def _read(value: JsonValue) -> Pipeline:
    if isinstance(value, dict):
        return load_pipeline(json.dumps(value))
    if not isinstance(value, str) or (is_template(value) and "\n" not in value):
        raise ValueError("only the run has it")
    return load_pipeline(value)
