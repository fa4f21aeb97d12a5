"""What the library ("library") takes and replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.language import Document, Pipeline
from pipelines.linking import Entry

Origin = Literal["registered", "shipped"]


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """One pipeline as a listing shows it. `newest`: meant by its name alone. `registered_at` is Unix time, None of
    shipped ones. `problem` says why it cannot be used; `content_hash` is empty then."""

    name: str
    version: str
    origin: Origin
    content_hash: str
    registered_at: float | None = None
    description: str = ""
    steps: int = 0
    newest: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All pipelines by name, the newest version first, and what else lies in the directory."""

    pipelines: tuple[EntryFacts, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListPipelines:
    """Asks for a `Listing`; with a `name`, of its versions. Fails with `LibraryUnavailableError`."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class FindPipeline:
    """Asks for the pipeline of a reference -> (Entry, EntryFacts). Fails with `NoSuchPipelineError`,
    `DamagedEntryError`, `LibraryUnavailableError`, `InvalidEntryError`."""

    reference: str


@dataclass(frozen=True, slots=True)
class RegisterPipeline:
    """Keeps a definition -> Registered, once it is on the disk.

    `name` is the pipeline's own unless given; `version` its own, else the next number that is free. The same content
    under the same name and version again changes nothing. Fails with `InvalidPipelineError`, `InvalidEntryError`,
    `VersionTakenError`, `LibraryFullError`, `LibraryUnavailableError`; then nothing was kept.
    """

    definition: str
    source: str = "<request>"
    name: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """`created` is False when it was there already. `warnings`: references that lead nowhere yet, and the like."""

    entry: Entry
    created: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnregisterPipeline:
    """Removes one version -> its label. Runs that use it go on: they have their own copy. A damaged one can be removed.
    Fails with `NoSuchPipelineError` (shipped ones stay, too), `LibraryUnavailableError`."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class LinkPipeline:
    """Resolves a pipeline's references, through all levels, as of now -> Linked. Fails with `InvalidPipelineError`."""

    document: Document
    pipeline: Pipeline


def facts_of(entry: Entry, pipeline: Pipeline, origin: Origin, at: float | None, newest: bool) -> EntryFacts:
    """A usable entry in a listing."""
    return EntryFacts(
        name=entry.name,
        version=entry.version,
        origin=origin,
        content_hash=entry.content_hash,
        registered_at=at,
        description=" ".join(pipeline.description.split())[:200],
        steps=len(pipeline.steps),
        newest=newest,
    )
