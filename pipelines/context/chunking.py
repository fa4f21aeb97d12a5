"""Splits a long text into pieces that a model can sum up one by one."""

from __future__ import annotations

from pipelines.context.counting import estimate_tokens
from pipelines.context.cutting import head_of


def chunks(text: str, most: int) -> tuple[str, ...]:
    """The text in pieces of at most `most` tokens by the estimate (at least one character each), split at the border of
    a paragraph, line, sentence or word. Joined they are the text again."""
    found: list[str] = []
    while estimate_tokens(text) > most:
        piece = head_of(text, most) or text[0]
        found.append(piece)
        text = text[len(piece) :]
    return (*found, text) if text else tuple(found)
