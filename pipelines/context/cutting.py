"""Cuts a text to so many tokens at the border of a line, a sentence or a word, and says in its place what is gone."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from pipelines.context.counting import estimate_tokens

Keep = Literal["start", "end", "both"]

_BORDERS: Final = ("\n\n", "\n", ". ", "! ", "? ", "。", "; ", ", ", " ")
_LOOK_BACK: Final = 0.25
"""Part of what would fit that may be given up for a better border."""
_JOINERS: Final = frozenset("\u200d\ufe0e\ufe0f")


@dataclass(frozen=True, slots=True)
class Cut:
    """A text that has been cut, and about how many tokens of it are gone (0: none)."""

    text: str
    left_out: int


def marker(left_out: int) -> str:
    """What stands in place of the tokens that are gone."""
    return f"[... about {left_out:,} tokens left out ...]"


def marker_size(size: int) -> int:
    """Tokens that the marker of a text of `size` tokens takes at most, with the line ends around it."""
    return estimate_tokens(f"\n{marker(10 ** len(str(size)))}\n") + 1


def cut(text: str, most: int, keep: Keep = "start") -> Cut:
    """The text with at most `most` tokens by the estimate, marker included; unchanged when it fits.

    A text that is shorter than its marker would be goes without one when it must. Cutting the result again to the same
    size changes nothing.
    """
    size = estimate_tokens(text)
    if size <= most:
        return Cut(text, 0)
    room = most - marker_size(size)
    if room <= 0:
        sign = marker(size)
        return Cut(sign if estimate_tokens(sign) <= most else "", size)
    head = head_of(text, room if keep == "start" else room // 2 if keep == "both" else 0)
    tail = _tail(text[len(head) :], room if keep == "end" else room - room // 2 if keep == "both" else 0)
    left_out = estimate_tokens(text[len(head) : len(text) - len(tail)])
    kept = [each for each in (head.rstrip(), marker(left_out), tail.lstrip()) if each]
    return Cut("\n".join(kept), left_out)


def head_of(text: str, room: int) -> str:
    """The beginning of a text, of at most `room` tokens, up to a border where one is near."""
    if room <= 0:
        return ""
    end = _longest(len(text), lambda length: estimate_tokens(text[:length]) <= room)
    least = int(end * (1 - _LOOK_BACK))
    if end < len(text):
        for border in _BORDERS:
            at = text.rfind(border, least, end)
            if at >= 0:
                return text[: at + len(border)]
    while _parts_a_letter(text, end):
        end -= 1
    return text[:end]


def _tail(text: str, room: int) -> str:
    if room <= 0:
        return ""
    length = _longest(len(text), lambda length: estimate_tokens(text[len(text) - length :]) <= room)
    begin, most = len(text) - length, len(text) - int(length * (1 - _LOOK_BACK))
    if begin > 0:
        for border in _BORDERS:
            at = text.find(border, begin, most)
            if at >= 0:
                return text[at + len(border) :]
    while _parts_a_letter(text, begin):
        begin += 1
    return text[begin:]


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """The greatest number for which `fits` holds; it holds for 0 and for all below one for which it holds."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _parts_a_letter(text: str, at: int) -> bool:
    """Whether a cut before `at` parts what is one letter for the reader: with its accent or variation, a flag's two."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if after in _JOINERS or before == "\u200d" or unicodedata.combining(after) or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    if not _is_regional(after):
        return False
    begin = at
    while begin > 0 and _is_regional(text[begin - 1]):
        begin -= 1
    return (at - begin) % 2 == 1


def _is_regional(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"
