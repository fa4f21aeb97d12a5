"""What can be wrong with settings, as facts and as sentences."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: where it was read (a file with line and column, or a variable), which key, what to do."""

    source: str
    line: int | None
    column: int | None
    key: str
    message: str
    expected: str
    fix: str

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"
        key = f" {self.key}:" if self.key else ""
        return f"{place}:{key} {self.message} Expected {self.expected}. Fix: {self.fix}"


class SettingsError(Exception):
    """The settings cannot be used; `problems` holds everything found, not only the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))
