"""The values of one file, where each of them stands, and what was found to be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from pipelines.language.diagnostics import MOST_FINDINGS, Diagnostic, Path, clip, key_path_text

from .places import Places, Position

LONGEST_TEXT: Final = 1_000
# What is wrong is the key itself, or that it is not there.
_ABOUT_KEYS: Final = frozenset(
    {"extra_forbidden", "unknown_key", "missing", "duplicate_key", "no_effect", "unknown_input"}
)


@dataclass(slots=True)
class Document:
    """The values of one file and where each stands. Aliased nodes have the position of their anchor."""

    file: str
    value: JsonValue = None
    keys: dict[Path, Position] = field(default_factory=dict[Path, Position])
    values: dict[Path, Position] = field(default_factory=dict[Path, Position])
    findings: list[Diagnostic] = field(default_factory=list[Diagnostic])
    warnings: list[Diagnostic] = field(default_factory=list[Diagnostic])
    left_out: int = 0
    source: str = ""
    places: Places | None = None

    @property
    def full(self) -> bool:
        """Whether further findings are only counted (`left_out`)."""
        return len(self.findings) >= MOST_FINDINGS

    def position(self, path: Path) -> Position:
        """Of the key at `path`, else of its value, else of the nearest parent that is in the text."""
        while True:
            found = self.keys.get(path) or self.values.get(path)
            if found is not None:
                return found
            if not path:
                return Position(0, 0)
            path = path[:-1]

    def culprit(self, code: str, path: Path, word: str) -> Position:
        """Where the caret belongs: at `word` inside the value at `path`, at the value when that is one word, number or
        text, else at the key."""
        start = self.values.get(path)
        if start is None or code in _ABOUT_KEYS:
            return self.position(path)
        if word and self.source:
            self.places = self.places or Places(self.source, self.keys, self.values)
            if (found := self.places.find(word, path, start)) is not None:
                return found
        return start if self._is_scalar(path) else self.position(path)

    def _is_scalar(self, path: Path) -> bool:
        value = self.value
        for part in path:
            if isinstance(value, dict):
                value = value.get(str(part))
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return False
        return value is not None and value != "" and not isinstance(value, dict | list)

    def report(
        self,
        code: str,
        path: Path,
        message: str,
        expected: str = "",
        fix: str = "",
        *,
        at: Position | None = None,
        word: str = "",
    ) -> None:
        """Adds an error at `path`, or at `at` when that is given; `word` is what is wrong in the value there."""
        if self.full:
            self.left_out += 1
            return
        at = at or self.culprit(code, path, word)
        message, expected, fix = (clip(each, LONGEST_TEXT) for each in (message, expected, fix))
        self.findings.append(
            Diagnostic("error", code, message, self.file, at.line, at.column, key_path_text(path), expected, fix)
        )

    def warn(self, code: str, path: Path, message: str, fix: str = "", *, word: str = "") -> None:
        """Adds a warning at `path`: the definition holds, but not all of it means what its author may think."""
        if len(self.warnings) >= MOST_FINDINGS:
            return
        at = self.culprit(code, path, word)
        message, fix = clip(message, LONGEST_TEXT), clip(fix, LONGEST_TEXT)
        self.warnings.append(
            Diagnostic("warning", code, message, self.file, at.line, at.column, key_path_text(path), "", fix)
        )

    def all_findings(self) -> list[Diagnostic]:
        """What was found, in the order of the text, and how much more there is."""
        found = sorted(self.findings, key=lambda each: (each.line, each.column))
        if self.left_out:
            fix = "correct the first ones; the rest is told then"
            found.append(Diagnostic("error", "more", f"at least {self.left_out} more findings", self.file, fix=fix))
        return found
