"""The line a finding stands on, with a caret below it, as compilers show it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST_LINE: Final = 100
_WORD: Final = re.compile(r"[^\s,:\[\]{}\"'#]+|.")


def excerpt(text: str, line: int, column: int) -> str:
    """Two lines: the source line, and carets below the word at `column` (both count from 1). Empty without a place.

    A long line is cut around the column; tabs become one blank and control characters a dot, so that the caret stays
    below its word and nothing in a file can steer a terminal.
    """
    found = source_line(text, line)
    if found is None or column < 1:
        return ""
    start = min(column - 1, len(found))
    match = _WORD.match(found, start)
    end = max(match.end() if match else start + 1, start + 1)
    first = max(0, start - LONGEST_LINE * 2 // 3) if len(found) > LONGEST_LINE else 0
    last = first + LONGEST_LINE
    before = "…" if first else ""
    after = "…" if last < len(found) else ""
    shown = before + "".join(_visible(each) for each in found[first:last]) + after
    blank = _width(before + "".join(_visible(each) for each in found[first:start]))
    carets = max(1, _width("".join(_visible(each) for each in found[start : min(end, last)])))
    number = str(line)
    return f"  {number} | {shown}\n  {' ' * len(number)} | {' ' * blank}{'^' * carets}"


def source_line(text: str, line: int) -> str | None:
    """Line number `line` (from 1) without its end, or None when the text has no such line."""
    # Not splitlines(): it also splits at form feeds and the like, which YAML does not count as lines.
    lines = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text) if line > 0 else []
    return lines[line - 1] if 0 < line <= len(lines) else None


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    return "·" if unicodedata.category(character) in {"Cc", "Cf", "Cs"} else character


def _width(text: str) -> int:
    """Columns a terminal gives the text: none to marks that combine, two to wide characters."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )
