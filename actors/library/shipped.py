"""The pipelines that come with evopipe. They are read once a process, and by whoever asks first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from pipelines.language import InvalidPipelineError, Pipeline, is_library_name, is_version, load_pipeline
from pipelines.linking import Entry

FOLDERS: Final = ("meta", "templates", "examples")
UNVERSIONED: Final = "shipped"


@cache
def shipped_pipelines() -> dict[str, tuple[Entry, Pipeline]]:
    """By name; the version is the pipeline's own, or "shipped"."""
    found: dict[str, tuple[Entry, Pipeline]] = {}
    for file in _files():
        text = file.read_text(encoding="utf-8")
        try:
            pipeline = load_pipeline(text, source=f"<shipped {file.name}>")
        except InvalidPipelineError:
            continue  # a form to fill in, and no pipeline; that the others hold is what their tests are for
        version = pipeline.version if is_version(pipeline.version) else UNVERSIONED
        if is_library_name(pipeline.name):
            entry = Entry(pipeline.name, version, pipeline.content_hash, text)
            found.setdefault(pipeline.name, (entry, pipeline))
    return found


def _files() -> Iterator[Traversable]:
    for folder in FOLDERS:
        place = resources.files("pipelines") / folder
        if place.is_dir():
            files = (each for each in place.iterdir() if each.name.endswith((".yaml", ".yml")) and each.is_file())
            yield from sorted(files, key=lambda each: each.name)
