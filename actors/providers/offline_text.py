"""Text rules of the offline provider: sentences, keywords, entities, labelled values, extractive summaries. Pure.

Everything here is counting and pattern matching, the same for the same text in every process; ties are broken by the
order in the text. Summaries rank sentences by the frequency of their content words (Luhn, 1958), normalised by length.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[A-ZÄÖÜÀ-Þ0-9\"'(\[])|\n\s*\n|\n(?=\s*[-*#•\d])")
_WORD = re.compile(r"[^\W\d_]['\w\u2019-]*[^\W_]|[^\W\d_]")
_BULLET = re.compile(r"^\s*(?:[-*•#>]+|\d+[.)])\s+")
_LABEL = re.compile(r"([A-Za-z][\w /-]{0,40}?)\*{0,2} ?[:=]\*{0,2}[ \t]+(\S.*)")
_LONGEST_LABELLED_LINE = 2000
_EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+\b")
_URL = re.compile(r"\bhttps?://[^\s<>\"')\]]+")
_DATE = re.compile(
    r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{4}\b|"
    r"\b(?:\d{1,2}\.? )?(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r"(?: \d{1,2},)? \d{4}\b"
)
_AMOUNT = re.compile(r"(?:[$€£]\s?\d[\d,.]{0,20}\d|[$€£]\s?\d|(?<![\d.,])\d[\d,.]{0,20}\s?(?:USD|EUR|GBP|%|percent))")
_NAME = re.compile(r"\b[A-Z]['\w\u2019-]+(?:[ \t]+(?:(?:of|de|van|von|der)[ \t]+)?[A-Z]['\w\u2019-]+)*\b")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")

# The commonest English function words: they say nothing about what a text is about.
_COMMON_WORDS = (
    "a about above after again against all also am an and any are as at be because been before being below "
    "between both but by can could did do does doing down during each few for from further had has have having "
    "he her here hers him his how i if in into is it its itself just like made make may me might more most "
    "must my no nor not now of off on once only or other our ours out over own per same she should so some "
    "such than that the their theirs them then there these they this those through to too under until up upon "
    "us very via was we were what when where which while who whom why will with within without would yet you "
    "your yours please following text document write give answer summarize summarise summary list extract "
)
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True)
class Entities:
    """What was found, each kind without repeats and in the order of the text."""

    names: tuple[str, ...]
    dates: tuple[str, ...]
    amounts: tuple[str, ...]
    emails: tuple[str, ...]
    urls: tuple[str, ...]

    def all(self) -> tuple[str, ...]:
        """Every entity, names first."""
        return (*self.names, *self.dates, *self.amounts, *self.emails, *self.urls)


def sentences(text: str) -> list[str]:
    """The sentences and list items of `text`, on one line each, without bullets and empty ones."""
    pieces = (" ".join(_BULLET.sub("", piece).split()) for piece in _SENTENCE_END.split(text))
    return [piece for piece in pieces if piece]


def words(text: str) -> list[str]:
    """Content words in lower case."""
    return [word for word in (found.group().lower() for found in _WORD.finditer(text)) if _tells(word)]


def keywords(text: str, count: int = 8) -> list[str]:
    """The content words that occur most; of equals the one that came first."""
    return [word for word, _ in Counter(words(text)).most_common(max(0, count))]


def summarise(text: str, count: int = 3) -> list[str]:
    """The `count` sentences that say most about the text, in their own order and wording."""
    found = sentences(text)
    if len(found) <= count:
        return found
    weight = Counter(words(text))

    def score(at: int) -> float:
        own = words(found[at])
        # The square root keeps long sentences from winning by length, and one-word ones by density.
        return sum(weight[word] for word in own) / max(1.0, len(own) ** 0.5) if own else 0.0

    best = sorted(range(len(found)), key=lambda at: (-score(at), at))[: max(1, count)]
    return [found[at] for at in sorted(best)]


def entities(text: str) -> Entities:
    """Names (capitalised words, not only because a sentence begins), dates, amounts, e-mail addresses and URLs."""
    bare = _EMAIL.sub(" ", _URL.sub(" ", text))
    dates = _unique(_DATE.findall(bare))
    inside = {word for date in dates for word in date.split()}
    lower = {found.group() for found in _WORD.finditer(text) if found.group().islower()}
    names = [
        name
        for name in (found.group() for found in _NAME.finditer(_DATE.sub(" ", bare)))
        if name.lower() not in _COMMON and name not in inside and (" " in name or name.lower() not in lower)
    ]
    return Entities(
        names=_unique(names),
        dates=dates,
        amounts=_unique(_AMOUNT.findall(bare)),
        emails=_unique(_EMAIL.findall(text)),
        urls=_unique(_URL.findall(text)),
    )


def labels(text: str) -> dict[str, str]:
    """Values of lines like "Author: Anna Berg", by folded label; the first of a label holds."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LABEL.fullmatch(line.lstrip("-* \t")) if len(line) <= _LONGEST_LABELLED_LINE else None
        if match is not None:
            found.setdefault(fold(match.group(1)), match.group(2).strip().rstrip(","))
    return found


def fold(name: str) -> str:
    """A name as a key: lower case, one underscore between words ("firstName", "First name" → "first_name")."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\W_]+", "_", split).strip("_").lower()


def first_number(text: str) -> float | None:
    """The first number in `text` ("1,250.5" is 1250.5); None without one, or when it is a version or too large."""
    found = _NUMBER.search(text)
    if found is None:
        return None
    try:
        number = float(found.group().replace(",", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def title(text: str, longest: int = 80) -> str:
    """A heading: the first line when it is short, else the beginning of the first sentence."""
    first = next((line.strip(" #*\t") for line in text.splitlines() if line.strip(" #*\t")), "")
    line = first if 0 < len(first) <= longest else (sentences(text) or [""])[0]
    if len(line) <= longest:
        return line.rstrip(" .:")
    return line[:longest].rsplit(" ", 1)[0].rstrip(" ,.;:") + "…"


def _tells(word: str) -> bool:
    return len(word) > 2 and word not in _COMMON


def _unique(found: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(each.split()).rstrip(".,;") for each in found))
