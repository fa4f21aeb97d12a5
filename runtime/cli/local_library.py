"""References of a file, resolved by the library on this machine: for commands that need no node."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runtime.settings import SettingsError, load_settings

if TYPE_CHECKING:
    from actors.library import Catalogue
    from pipelines.language import Document, Pipeline
    from pipelines.linking import Linked


def local_catalogue() -> Catalogue | None:
    """The library of the node that the settings name; None where no node has kept one, or this user may not read it."""
    from actors.library import DIRECTORY, Catalogue

    try:
        directory = load_settings().state_dir / DIRECTORY
    except SettingsError:
        return None
    readable = directory.is_dir() and os.access(directory, os.R_OK | os.X_OK)
    return Catalogue(directory) if readable else None


def link_locally(document: Document, pipeline: Pipeline) -> Linked | None:
    """The pipeline with its references resolved as this machine's library has them now.

    None where there is no library to ask: then each reference is a warning of `document`. Raises
    `InvalidPipelineError`.
    """
    from pipelines.language import place_in
    from pipelines.linking import link, references_in

    catalogue = local_catalogue()
    if catalogue is not None:
        return link(document, pipeline, catalogue.find)
    for key, step in references_in(pipeline):
        message = f"'{step.pipeline_ref}' cannot be checked here: no node of this machine has a library"
        document.warn("unchecked_reference", place_in(document, (*key, "pipeline_ref")), message, _FIX)
    return None


_FIX = "it is checked when the pipeline is submitted; `evopipe up` makes a library"
