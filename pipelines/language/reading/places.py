"""Where in the text a value says a word: findings are rare, so this is worked out only for them."""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipelines.language.diagnostics import Path

_LINE_END: Final = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_FARTHEST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands, counted from 1."""

    line: int
    column: int


class Places:
    """The text of a document with the positions of its keys and values, in the order of the text."""

    def __init__(self, source: str, keys: Mapping[Path, Position], values: Mapping[Path, Position]) -> None:
        self._source = source
        self._starts = [0, *(found.end() for found in _LINE_END.finditer(source))]
        entries = [(at.line, at.column, path) for where in (values, keys) for path, at in where.items()]
        # A collection and its first entry begin at one place: the longer path is the one that stands there.
        entries.sort(key=lambda each: (each[0], each[1], len(each[2])))
        self._positions = [(line, column) for line, column, _ in entries]
        self._paths = [path for _, _, path in entries]

    def find(self, word: str, path: Path, start: Position) -> Position | None:
        """The first place of `word` inside the value at `path`, which begins at `start`; None when it is not said
        there as it is written (escaped, folded) or too far on."""
        if not 0 < start.line <= len(self._starts):
            return None
        begin = self._starts[start.line - 1] + start.column - 1
        edge = r"(?<![\w.])" if re.match(r"\w", word) else ""
        end = r"(?!\w)" if re.search(r"\w$", word) else ""
        found = re.compile(edge + re.escape(word) + end).search(self._source, begin, begin + _FARTHEST)
        if found is None:
            return None
        line = bisect.bisect_right(self._starts, found.start())
        column = found.start() - self._starts[line - 1] + 1
        index = bisect.bisect_right(self._positions, (line, column)) - 1
        return Position(line, column) if index >= 0 and self._paths[index][: len(path)] == path else None
