"""From what a client sent to a checked pipeline that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import JsonValue

from actors.library import EntryFacts, FindPipeline, LinkPipeline
from actors.providers import PROVIDERS
from actors.runs import find_known, load_known
from pipelines.language import (
    Document,
    InvalidInputsError,
    InvalidPipelineError,
    Pipeline,
    check_document,
    read_yaml,
    resolve_inputs,
)
from pipelines.linking import Entry, Linked, has_references
from runtime.gateway.endpoint import Desk
from runtime.gateway.problems import ApiError
from runtime.gateway.wire import to_wire


@dataclass(frozen=True, slots=True)
class Definition:
    """A pipeline that may run, and the text that reads as it. `asked` and `references` are as in `RunRequest`."""

    pipeline: Pipeline
    text: str
    asked: str | None = None
    references: tuple[Mapping[str, JsonValue], ...] = ()


async def definition_of(desk: Desk, text: str | None, source: str, reference: str | None = None) -> Definition:
    """The definition in `text`, or the one that the library has under `reference`, with all references resolved as of
    now. Raises `ApiError` 422 with every diagnostic, or what the library answers."""
    asked: str | None = None
    bound: list[Mapping[str, JsonValue]] = []
    if text is None:
        found: tuple[Entry, EntryFacts] = await desk.call("library", FindPipeline(reference or ""))
        entry = found[0]
        text, source, asked = entry.text, f"<library {entry.label}>", f"reference:{reference}"
        bound.append(
            {
                "place": "",
                "reference": reference,
                "name": entry.name,
                "version": entry.version,
                "content_hash": entry.content_hash,
            }
        )
    pipeline = await compile_definition(desk, text, source)
    if has_references(pipeline):
        asked = asked or pipeline.content_hash
        linked = await link_definition(desk, text, source)
        bound += [asdict(each) for each in linked.references]
        pipeline, text = linked.pipeline, linked.text
    return Definition(pipeline, text, asked, tuple(bound))


async def compile_definition(desk: Desk, definition: str, source: str) -> Pipeline:
    """The checked pipeline, its references as they are. Raises `ApiError` 422 with every diagnostic."""
    known = find_known(definition, PROVIDERS)
    if known is not None:
        return known
    try:
        # Megabytes of YAML take seconds: not on the loop.
        return await desk.aside(load_known, definition, source=source, known_providers=PROVIDERS)
    except InvalidPipelineError as error:
        raise invalid(error) from error


async def link_definition(desk: Desk, definition: str, source: str) -> Linked:
    """The pipeline with its references resolved. Raises `ApiError` 422 with every diagnostic."""
    try:
        document, pipeline = await desk.aside(_read, definition, source)
        linked: Linked = await desk.call("library", LinkPipeline(document, pipeline))
    except InvalidPipelineError as error:
        raise invalid(error) from error
    return linked


def check_inputs(pipeline: Pipeline, inputs: Mapping[str, JsonValue]) -> None:
    """Raises `ApiError` 422 when the inputs do not fit what the pipeline declares."""
    try:
        resolve_inputs(pipeline, inputs)
    except InvalidInputsError as error:
        raise ApiError(422, "invalid_inputs", f"{error}.", error.problems) from error


def invalid(error: InvalidPipelineError) -> ApiError:
    """The answer to a definition that does not hold."""
    found = diagnostics(error)
    number = "one error" if len(found) == 1 else f"{len(found)} errors"
    return ApiError(422, "invalid_pipeline", f"the pipeline has {number}.", found)


def diagnostics(error: InvalidPipelineError) -> list[dict[str, Any]]:
    """Each diagnostic as facts plus its sentence."""
    return [{**to_wire(item), "text": str(item)} for item in error.diagnostics]


def _read(definition: str, source: str) -> tuple[Document, Pipeline]:
    document = read_yaml(definition, source)
    return document, check_document(document, known_providers=PROVIDERS)
