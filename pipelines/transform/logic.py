"""How a filter of several comparisons is taken apart: `and`, `or`, `not`, `between`, a list in brackets.

Text on the right side of a comparison may go unquoted, so a word is logic only where both sides of it can stand alone:
`title == salt and pepper` is one comparison, `n > 1 and active` is two.
"""

from __future__ import annotations

import re
from typing import Final

_QUOTED: Final = r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]"
_WORD: Final = re.compile(rf"{_QUOTED}|\s(and|or)\s|(&&|\|\|)|\bbetween\s", re.IGNORECASE)
_COMPARES: Final = re.compile(rf"(?:{_QUOTED}|[^'\"\[])*?(?:==|!=|>=|<=|>|<|\s(?:contains|in|between)\s)")
_NUMBER: Final = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_CLOSED: Final = re.compile(rf"(?:{_QUOTED}|{_NUMBER}|true|false|null|nil)$")
_NAME: Final = re.compile(r"(?:not\s+|!\s*)?[\w.@-]+$")
_BETWEEN: Final = re.compile(rf"^(?P<left>.+?)\sbetween\s+(?P<low>{_QUOTED}|\S+)\s+and\s+(?P<high>.+)$", re.DOTALL)
_MEMBER: Final = re.compile(r"^(?P<left>[^\s=!<>'\"]+)\s+(?P<lacks>not\s+)?in\s*\[(?P<items>.*)\]$", re.DOTALL)
_ITEM: Final = re.compile(r"\s*('[^']*'|\"[^\"]*\"|[^,]*)\s*(?:,|$)")
_MOST_PARTS: Final = 100


def alternatives(text: str) -> list[list[str]]:
    """The comparisons of `text`: any of these lists must hold, all in a list. One comparison stays as it is.

    Raises `ValueError` for more than 100 comparisons.
    """
    parts, words = _split(text)
    if not words or not _stand_alone(parts):
        return [[text]]
    if len(parts) > _MOST_PARTS:
        raise ValueError(f"there are more than {_MOST_PARTS} comparisons")
    either = [[parts[0]]]
    for word, part in zip(words, parts[1:], strict=True):
        if word in {"or", "||"}:
            either.append([part])
        else:
            either[-1].append(part)
    return either


def _split(text: str) -> tuple[list[str], list[str]]:
    parts: list[str] = []
    words: list[str] = []
    begin, open_between = 0, False
    for found in _WORD.finditer(text):
        word = (found[1] or found[2] or "").lower()
        if found[0].strip().lower() == "between":
            open_between = True
        elif word == "and" and open_between:
            open_between = False
        elif word:
            parts.append(text[begin : found.start()].strip())
            words.append(word)
            begin, open_between = found.end(), False
    parts.append(text[begin:].strip())
    return parts, words


def _stand_alone(parts: list[str]) -> bool:
    """Whether each part can be a condition: a comparison, or a name beside comparisons whose right sides are closed."""
    compared = [part for part in parts if _COMPARES.match(part)]
    names = [part for part in parts if part not in compared]
    if not compared:
        return all(map(_NAME.match, names))
    return not names or (all(map(_NAME.match, names)) and all(map(_CLOSED.search, compared)))


def between_of(text: str) -> tuple[str, str, str] | None:
    """`left between low and high` as its three texts."""
    found = _BETWEEN.match(text)
    return None if found is None else (found["left"].strip(), found["low"], found["high"].strip())


def member_of(text: str) -> tuple[str, bool, list[str]] | None:
    """`left [not] in [items]`: the left side, whether it must be in the list, and the items' texts."""
    found = _MEMBER.match(text)
    if found is None:
        return None
    items = [each[1].strip() for each in _ITEM.finditer(found["items"]) if each[0].strip()]
    return found["left"], found["lacks"] is None, items
