"""A shorter prompt that still asks the same: for steps that fail by length, time or complexity."""

from __future__ import annotations

import re
from typing import Final

SIMPLIFIED_CHARS: Final = 1200
_REQUEST: Final = "Answer briefly and plainly; leave out what you cannot answer."


def simplified(prompt: str, max_chars: int = SIMPLIFIED_CHARS) -> str:
    """The prompt without blank lines and runs of spaces, its middle left out where it is long, asked briefly.

    The beginning (the task) and the end (often the question) are kept whole up to a sentence or line.
    """
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in prompt.splitlines())
    text = "\n".join(line for line in lines if line)
    if len(text) > max_chars:
        head = _cut_back(text[: max_chars * 2 // 3])
        tail = _cut_forward(text[-(max_chars // 3) :])
        text = f"{head}\n[...]\n{tail}"
    return f"{text}\n\n{_REQUEST}"


def _cut_back(text: str) -> str:
    ends = [match.end() for match in re.finditer(r"[.!?:]\s|\n", text)]
    return text[: ends[-1]].rstrip() if ends and ends[-1] > len(text) // 2 else text


def _cut_forward(text: str) -> str:
    match = re.search(r"[.!?:]\s|\n", text)
    return text[match.end() :] if match and match.end() < len(text) // 2 else text
