"""References resolved, through all levels, into one self-contained definition.

A reference becomes the inner pipeline itself, so that a run and its journal hold what was meant when it was submitted:
nothing that is registered or removed later reaches it, and everything that knows inline pipelines knows this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from pipelines.language import (
    MAX_BYTES,
    BaseStep,
    Document,
    InvalidPipelineError,
    LanguageError,
    Pipeline,
    PipelineStep,
    check_document,
    data_to_yaml,
    key_path_text,
    load_pipeline,
    place_in,
    read_yaml,
    to_data,
)
from pipelines.linking.calls import check_call

Key = tuple[str | int, ...]

MOST_REFERENCES: Final = 200
"""How many references one definition may come to, counted each time a pipeline is put in."""
MOST_LEVELS: Final = 10
LARGEST_LINKED: Final = MAX_BYTES


class UnresolvedReferenceError(LanguageError):
    """A reference leads to no pipeline that can be used; `fix` says what to do."""

    code = "unresolved_reference"

    def __init__(self, message: str, fix: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.fix = fix
        if code is not None:
            self.code = code


@dataclass(frozen=True, slots=True)
class Entry:
    """A pipeline of a library. `content_hash` is that of its definition `text`, whatever stands in its comments."""

    name: str
    version: str
    content_hash: str
    text: str

    @property
    def label(self) -> str:
        """As it is spoken of."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference at `place` of the outermost file was bound to."""

    place: str
    reference: str
    name: str
    version: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class Linked:
    """A definition without references, the text that reads as it, and what its own references were bound to."""

    pipeline: Pipeline
    text: str
    references: tuple[Resolved, ...]


Find = Callable[[str], Entry]
"""The pipeline of a reference. Raises `UnresolvedReferenceError`."""


def references_in(pipeline: Pipeline) -> Iterator[tuple[Key, PipelineStep]]:
    """The steps that refer to a library, with their keys in the canonical map; inline pipelines are looked into."""
    yield from _referring(pipeline.steps, ("steps",))
    yield from _referring(pipeline.finally_, ("finally",))


def has_references(pipeline: Pipeline) -> bool:
    """Whether it is not self-contained."""
    return next(references_in(pipeline), None) is not None


def link(document: Document, pipeline: Pipeline, find: Find) -> Linked:
    """`pipeline`, which was read from `document`, with all references resolved.

    Raises `InvalidPipelineError` with everything that is wrong, at its place in the referring file: references that
    lead nowhere or in a circle, inputs and outputs that do not fit, more than the limits allow.
    """
    linker = _Linker(find)
    data = linker.resolve(document, pipeline, ((pipeline.name, pipeline.content_hash),))
    if document.findings:
        raise InvalidPipelineError(document.all_findings())
    text = data_to_yaml(data.value)
    try:
        linked = load_pipeline(text, source=document.file)
    except InvalidPipelineError as error:
        first = error.diagnostics[0].message
        message = f"with everything that it refers to, the pipeline cannot be kept as one definition: {first}"
        document.report(
            "limit", place_in(document, ("steps",)), message, fix="refer to less, or run parts on their own"
        )
        raise InvalidPipelineError(document.all_findings()) from error
    return Linked(linked, text, tuple(data.bound))


@dataclass(slots=True)
class _Part:
    """A definition as data, without references; `references` counts all that went into it, `length` their texts."""

    value: dict[str, JsonValue]
    references: int
    length: int
    bound: list[Resolved]


class _Linker:
    """One linking: what was read once is not read again."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._read: dict[str, tuple[Document, Pipeline]] = {}
        self._done: dict[str, _Part] = {}
        self._found: dict[str, Entry] = {}

    def resolve(self, document: Document, pipeline: Pipeline, chain: tuple[tuple[str, str], ...]) -> _Part:
        """`pipeline` as data. What is wrong is reported to `document`, and the data is then of no use.

        `chain` has (label, content hash) of the pipelines that this one is in, its own last.
        """
        part = _Part(to_data(pipeline), 0, 0, [])
        for key, step in references_in(pipeline):
            reference = str(step.pipeline_ref)
            try:
                entry = self._entry(reference)
                inner = self._inner(entry, chain)
                part.references += inner.references + 1
                part.length += inner.length + len(entry.text)
                if part.references > MOST_REFERENCES:
                    raise _too_much(f"it comes to more than {MOST_REFERENCES} references")
                if part.length > LARGEST_LINKED:
                    raise _too_much(f"what it refers to comes to more than {LARGEST_LINKED} characters")
            except UnresolvedReferenceError as error:
                document.report(error.code, place_in(document, (*key, "pipeline_ref")), str(error), "", error.fix)
                if error.code == "limit":
                    break
                continue
            called = self._read[entry.content_hash][1]
            for each in check_call(step, called, entry.label):
                document.report(each.code, place_in(document, (*key, *each.key)), each.message, each.expected, each.fix)
            holder = _at(part.value, key)
            del holder["pipeline_ref"]
            # Said even where it is the default: inside a pipeline that says otherwise, silence would mean that. Copied,
            # as YAML names what is there twice by an alias.
            holder["pipeline"] = {**deepcopy(inner.value), "unresolved_names": called.unresolved_names}
            place = key_path_text((*key, "pipeline_ref"))
            part.bound.append(Resolved(place, reference, entry.name, entry.version, entry.content_hash))
        return part

    def _entry(self, reference: str) -> Entry:
        """Each reference is looked up once, so that all of a definition means the same by it."""
        if reference not in self._found:
            self._found[reference] = self._find(reference)
        return self._found[reference]

    def _inner(self, entry: Entry, chain: tuple[tuple[str, str], ...]) -> _Part:
        inside = (*chain, (entry.label, entry.content_hash))
        names = " → ".join(label for label, _ in inside)
        if any(content == entry.content_hash for _, content in chain):
            raise UnresolvedReferenceError(
                f"the pipelines refer to each other in a circle: {names}", "break the circle", "cycle"
            )
        if len(chain) > MOST_LEVELS:
            raise _too_much(f"the references go deeper than {MOST_LEVELS} levels: {names}")
        known = self._done.get(entry.content_hash)
        if known is not None:
            return known
        document, pipeline = self._read_entry(entry)
        part = self.resolve(document, pipeline, inside)
        if document.findings:
            first = document.all_findings()[0]
            raise UnresolvedReferenceError(
                f"the pipeline {entry.label} cannot be used: {first.key_path}: {first.message}",
                first.fix,
                first.code if first.code in {"cycle", "limit"} else None,
            )
        self._done[entry.content_hash] = part
        return part

    def _read_entry(self, entry: Entry) -> tuple[Document, Pipeline]:
        found = self._read.get(entry.content_hash)
        if found is None:
            try:
                document = read_yaml(entry.text, f"<library {entry.label}>")
                found = document, check_document(document)
            except InvalidPipelineError as error:
                first = error.diagnostics[0]
                message = f"the pipeline {entry.label} does not hold any more: {first.key_path}: {first.message}"
                raise UnresolvedReferenceError(message, "register a version of it that does") from error
            self._read[entry.content_hash] = found
        return found


def _too_much(why: str) -> UnresolvedReferenceError:
    return UnresolvedReferenceError(why, "refer to less, or run parts on their own", "limit")


def _referring(steps: Sequence[BaseStep], at: Key) -> Iterator[tuple[Key, PipelineStep]]:
    for index, step in enumerate(steps):
        key = (*at, index)
        if isinstance(step, PipelineStep):
            if step.pipeline_ref is not None:
                yield key, step
            elif step.pipeline is not None:
                yield from _referring(step.pipeline.steps, (*key, "pipeline", "steps"))
                yield from _referring(step.pipeline.finally_, (*key, "pipeline", "finally"))
        for body, inner in step.bodies():
            yield from _referring(inner, (*key, *body))


def _at(data: dict[str, JsonValue], key: Key) -> dict[str, Any]:
    holder: Any = data
    for part in key:
        holder = holder[part]
    return holder
