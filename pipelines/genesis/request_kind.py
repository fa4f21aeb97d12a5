"""What a request asks for, told from its words alone (spec section 14: what the reference does without a model)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """The kinds of requests; each has a template of its name."""

    ANALYSIS = "analysis"
    GENERATION = "generation"
    PROCESSING = "processing"
    EXTRACTION = "extraction"
    SUMMARIZATION = "summarization"
    GENERAL = "general"


# The first kind with a hit wins, so "create an analysis" is an analysis. A hit may be a part of a word ("created").
_KEYWORDS: Final = {
    Kind.ANALYSIS: ("analyze", "analysis", "examine"),
    Kind.GENERATION: ("generate", "create", "build"),
    Kind.PROCESSING: ("process", "transform", "convert"),
    Kind.EXTRACTION: ("extract", "parse", "read"),
    Kind.SUMMARIZATION: ("summarize", "summary", "brief"),
}
_TRAITS: Final = {
    "speed_optimized": ("fast", "quick", "speed"),
    "accuracy_optimized": ("accurate", "precise", "detailed"),
    "complex_processing": ("complex", "comprehensive", "advanced"),
}
# The reference's word for what came from a template; files that carry it mean the same here.
FROM_A_TEMPLATE: Final = "mock_generated"


@dataclass(frozen=True, slots=True)
class Reading:
    """The kind of a request, and the keyword that decided; None where no keyword is in it (`GENERAL`)."""

    kind: Kind
    keyword: str | None


def read_request(request: str) -> Reading:
    """Any text has a reading; case does not matter."""
    said = request.lower()
    for kind, words in _KEYWORDS.items():
        for word in words:
            if word in said:
                return Reading(kind, word)
    return Reading(Kind.GENERAL, None)


def traits_of(request: str) -> tuple[str, ...]:
    """The genome's traits that the words ask for, after the one that says where the pipeline is from."""
    said = request.lower()
    return (FROM_A_TEMPLATE, *(trait for trait, words in _TRAITS.items() if any(word in said for word in words)))
