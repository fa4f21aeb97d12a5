"""How much of a conversation goes to the model. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.providers import Turn
from pipelines.context import estimate_tokens

_FRAMES = 8
"""Tokens that a vendor puts around a question and its answer."""


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A question and its answer."""

    question: str
    answer: str


def within_bounds(
    past: Sequence[PastTurn], max_turns: int, max_characters: int, max_tokens: int | None = None
) -> tuple[PastTurn, ...]:
    """The latest turns that fit all bounds, oldest first; tokens are estimated. A turn goes whole or not at all, and so
    do those before it: a conversation with a hole in it misleads more than a short one."""
    kept: list[PastTurn] = []
    room = max_characters
    tokens = 0
    for turn in reversed(past):
        room -= len(turn.question) + len(turn.answer)
        if max_tokens is not None:
            tokens += estimate_tokens(turn.question) + estimate_tokens(turn.answer) + _FRAMES
        if len(kept) >= max_turns or room < 0 or (max_tokens is not None and tokens > max_tokens):
            break
        kept.append(turn)
    return tuple(reversed(kept))


def as_turns(past: Sequence[PastTurn]) -> tuple[Turn, ...]:
    """The turns as a provider takes them. An empty answer would be refused by some vendors, so it is left out with its
    question."""
    spoken = [each for each in past if each.question.strip() and each.answer.strip()]
    return tuple(turn for each in spoken for turn in (Turn("user", each.question), Turn("assistant", each.answer)))
