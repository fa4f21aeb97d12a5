"""Putting pipelines of a library into those that refer to them. Pure: where entries come from is the caller's.

calls     whether a step gives a pipeline what it asks for, and takes what it has
linking   references resolved, through all levels, into one self-contained definition
"""

from .calls import Misfit, check_call
from .linking import (
    LARGEST_LINKED,
    MOST_LEVELS,
    MOST_REFERENCES,
    Entry,
    Find,
    Linked,
    Resolved,
    UnresolvedReferenceError,
    has_references,
    link,
    references_in,
)

__all__ = [
    "LARGEST_LINKED",
    "MOST_LEVELS",
    "MOST_REFERENCES",
    "Entry",
    "Find",
    "Linked",
    "Misfit",
    "Resolved",
    "UnresolvedReferenceError",
    "check_call",
    "has_references",
    "link",
    "references_in",
]
