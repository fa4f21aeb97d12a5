"""The node's library of named pipelines: those that are shipped, and those that people registered.

errors, messages   what others see
entry_file         one registered pipeline as a file that proves its own content
shelf              the registered ones, in a directory
shipped            the ones that come with evopipe
catalogue          both by name, version and hash; reads without a node, too
library            the actor
"""

from actors.library.catalogue import Catalogue
from actors.library.errors import (
    DamagedEntryError,
    InvalidEntryError,
    LibraryError,
    LibraryFullError,
    LibraryUnavailableError,
    NoSuchPipelineError,
    VersionTakenError,
)
from actors.library.library import Library, fetch_here, link_here
from actors.library.messages import (
    EntryFacts,
    FindPipeline,
    LinkPipeline,
    Listing,
    ListPipelines,
    Registered,
    RegisterPipeline,
    UnregisterPipeline,
)
from actors.library.shelf import DIRECTORY

__all__ = [
    "DIRECTORY",
    "Catalogue",
    "DamagedEntryError",
    "EntryFacts",
    "FindPipeline",
    "InvalidEntryError",
    "Library",
    "LibraryError",
    "LibraryFullError",
    "LibraryUnavailableError",
    "LinkPipeline",
    "ListPipelines",
    "Listing",
    "NoSuchPipelineError",
    "RegisterPipeline",
    "Registered",
    "UnregisterPipeline",
    "VersionTakenError",
    "fetch_here",
    "link_here",
]
