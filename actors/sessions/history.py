"""How much of a conversation goes to the model. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.providers import Turn


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A question and its answer."""

    question: str
    answer: str


def within_bounds(past: Sequence[PastTurn], max_turns: int, max_characters: int) -> tuple[PastTurn, ...]:
    """The latest turns that fit both bounds, oldest first. A turn goes whole or not at all, and so do those before it:
    a conversation with a hole in it misleads more than a short one."""
    kept: list[PastTurn] = []
    room = max_characters
    for turn in reversed(past):
        room -= len(turn.question) + len(turn.answer)
        if len(kept) >= max_turns or room < 0:
            break
        kept.append(turn)
    return tuple(reversed(kept))


def as_turns(past: Sequence[PastTurn]) -> tuple[Turn, ...]:
    """The turns as a provider takes them. An empty answer would be refused by some vendors, so it is left out with its
    question."""
    spoken = [each for each in past if each.question.strip() and each.answer.strip()]
    return tuple(turn for each in spoken for turn in (Turn("user", each.question), Turn("assistant", each.answer)))
