"""The library's actor: the only one that writes the directory, one message at a time, on a thread.

It holds nothing but the directory's name, so a crash loses nothing: what was answered is on the disk, and what was
being written is not there at all. A directory that cannot be used fails those who ask, not the actor.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from actors.kernel import Actor, Kernel
from actors.library.catalogue import Catalogue
from actors.library.errors import LibraryError
from actors.library.messages import FindPipeline, LinkPipeline, ListPipelines, RegisterPipeline, UnregisterPipeline
from actors.library.shelf import DIRECTORY
from pipelines.language import Document, InvalidPipelineError, Pipeline, check_document, read_yaml
from pipelines.linking import Entry, Linked, has_references, link

LINK_TIMEOUT_S = 30.0


class Library(Actor):
    """Answers `ListPipelines`, `FindPipeline`, `RegisterPipeline`, `UnregisterPipeline`, `LinkPipeline`, in the order
    they come."""

    expected_errors = (LibraryError, InvalidPipelineError)

    def __init__(self, state_dir: str | Path) -> None:
        super().__init__()
        self._catalogue = Catalogue(Path(state_dir) / DIRECTORY)

    async def on_receive(self, message: Any) -> Any:
        return await asyncio.to_thread(self._answer, message)

    def _answer(self, message: Any) -> Any:
        catalogue = self._catalogue
        match message:
            case ListPipelines(name):
                return catalogue.listing(name)
            case FindPipeline(reference):
                entry = catalogue.find(reference)
                return entry, catalogue.facts(entry)
            case RegisterPipeline():
                return catalogue.register(message, self.kernel.clock.wall())
            case UnregisterPipeline(name, version):
                return catalogue.unregister(name, version)
            case LinkPipeline(document, pipeline):
                return link(document, pipeline, catalogue.find)
            case _:
                raise TypeError(f"the library takes ListPipelines and the like, not {type(message).__name__}")


async def link_here(kernel: Kernel, text: str, source: str) -> tuple[Pipeline, str]:
    """A definition as the node's library completes it now, and the text that reads as it.

    For definitions that come up while a run is under way. Raises `InvalidPipelineError`, and `ActorDeadError` or
    `CallTimeout` (30 s) when the library does not answer.
    """
    document, pipeline = await asyncio.to_thread(_checked, text, source)
    if not has_references(pipeline):
        return pipeline, text
    linked: Linked = await kernel.ref("library").call(LinkPipeline(document, pipeline), timeout_s=LINK_TIMEOUT_S)
    return linked.pipeline, linked.text


async def fetch_here(kernel: Kernel, reference: str) -> str:
    """The text of a reference's pipeline. Raises `LibraryError`, and as `link_here` when nobody answers."""
    found: tuple[Entry, object] = await kernel.ref("library").call(FindPipeline(reference), timeout_s=LINK_TIMEOUT_S)
    return found[0].text


def _checked(text: str, source: str) -> tuple[Document, Pipeline]:
    document = read_yaml(text, source)
    return document, check_document(document)
