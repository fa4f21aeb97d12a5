"""Ranges of what is counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from pipelines.context import COUNTING_RULE, estimate_tokens

_OFFLINE_CHARACTERS: Final = 4
_CHARACTERS: Final = 4
_LEAST, _MOST = 0.6, 1.7
ESTIMATE: Final = COUNTING_RULE
RANGE: Final = (
    f"texts that are known count between {_LEAST} and {_MOST} times the estimate, which holds real counts of prose and "
    f"code; a file's {_CHARACTERS} bytes are taken for 1 token"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Least and most of something that is counted."""

    low: float = 0
    high: float = 0

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def times(self, least: float, most: float) -> Span:
        """So many of it."""
        return Span(self.low * least, self.high * most)

    def at_most(self, most: float) -> Span:
        """The same, held to a limit."""
        return Span(min(self.low, most), min(self.high, most))


def tokens_of(text: str, provider: str) -> Span:
    """Tokens of a known text; exact for the offline provider, which counts by characters."""
    return _of_offline(len(text)) if provider == "offline" else _around(estimate_tokens(text))


def tokens_of_characters(characters: int, provider: str) -> Span:
    """Tokens of a text of which only the length is known."""
    return _of_offline(characters) if provider == "offline" else _around(-(-characters // _CHARACTERS))


def _of_offline(characters: int) -> Span:
    exact = -(-characters // _OFFLINE_CHARACTERS)
    return Span(exact, exact)


def _around(likely: int) -> Span:
    return Span(min(likely, max(1, math.floor(likely * _LEAST))), math.ceil(likely * _MOST))
