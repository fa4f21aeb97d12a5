"""Where a loop or a transform takes its data from: a name, pipeline_ex's notations for one, or the data itself."""

from __future__ import annotations

from pydantic import JsonValue

from .diagnostics import TemplateError
from .scope import MISSING, Missing, Scope, Segments, find_in, parse_path
from .templates import describe_missing, is_template, render


def source_path(source: str) -> Segments:
    """`previous_response:step:a.b`, `context:field`, `step:a.b`, `steps.x.y` or a bare name, as a path."""
    head, _, rest = source.strip().partition(":")
    if head == "previous_response" and rest:
        return ("steps", *parse_path(rest))
    if head == "context" and rest:
        return parse_path(rest)
    return parse_path(source.strip())


def resolve_source(source: JsonValue, scope: Scope) -> JsonValue:
    """The data a source names; lists and maps are themselves. What a step answered as text is looked into as JSON.

    Raises `TemplateError` when nothing is there.
    """
    if not isinstance(source, str) or is_template(source):
        return render(source, scope)
    path = source_path(source)
    value = scope.find_data(path) if path else None
    if isinstance(value, Missing):
        value = _in_answered_text(path, scope)
    if isinstance(value, Missing):
        raise TemplateError(source, describe_missing(path, scope))
    return value


def _in_answered_text(path: Segments, scope: Scope) -> JsonValue | Missing:
    """What `path` means inside the JSON that a step's text holds: a model was asked for data and wrote it down."""
    start = 2 if path[0] == "steps" else 1
    text = scope.find((*path[:start], "text"))
    if not isinstance(text, str) or len(path) <= start:
        return MISSING
    from pipelines.extraction import NoJsonError, parse_json_answer  # noqa: PLC0415 - costs a reader of files nothing

    try:
        return find_in(parse_json_answer(text), path[start:])
    except NoJsonError:
        return MISSING
