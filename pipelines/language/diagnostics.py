"""What is wrong with a definition, where, and how to put it right.

Error tree of this folder:

    LanguageError
    ├─ InvalidPipelineError   a definition does not hold; carries every `Diagnostic`
    ├─ InvalidInputsError     what a caller gave a pipeline does not fit its declared inputs
    ├─ TemplateError          a `{{ ... }}` cannot be compiled or rendered
    ├─ ConditionError         a condition cannot be parsed or evaluated
    └─ OutputError            a declared output names something the run did not produce
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Path = tuple[str | int, ...]
LONGEST_WORD: Final = 100
MOST_WORDS: Final = 200
MOST_FINDINGS: Final = 100  # kept of one definition; nobody reads the thousandth


class LanguageError(Exception):
    """Root of what the pipeline language raises; `code` is stable across a socket."""

    code = "language_error"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `line` and `column` count from 1; 0 means the text has no position (built from data)."""

    severity: Literal["error", "warning"]
    code: str
    message: str
    file: str = "<text>"
    line: int = 0
    column: int = 0
    key_path: str = ""
    expected: str = ""
    fix: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: "
        key = f"{self.key_path}: " if self.key_path else ""
        expected = f" Expected {self.expected}." if self.expected else ""
        fix = f" Fix: {self.fix}." if self.fix else ""
        weight = "warning: " if self.severity == "warning" else ""
        return f"{where}{weight}{key}{self.message.rstrip('.')}.{expected}{fix}"


class InvalidPipelineError(LanguageError):
    """A definition does not hold. `diagnostics` has all findings, in the order of the text."""

    code = "invalid_pipeline"

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(each) for each in self.diagnostics))


class InvalidInputsError(LanguageError):
    """Given inputs do not fit the declared ones. `problems` has one sentence for each."""

    code = "invalid_inputs"

    def __init__(self, pipeline: str, problems: Iterable[str]) -> None:
        self.pipeline = pipeline
        self.problems = tuple(problems)
        super().__init__(f"inputs of pipeline '{pipeline}': " + "; ".join(self.problems))


class TemplateError(LanguageError):
    """A template cannot be compiled or rendered. `template` is its text (cut), `reason` the cause."""

    code = "template_error"

    def __init__(self, template: str, reason: str) -> None:
        self.template = template if len(template) <= 200 else template[:197] + "..."
        self.reason = reason
        super().__init__(f"{reason} (in template: {self.template})")


class ConditionError(LanguageError):
    """A condition cannot be parsed or evaluated. `condition` is its text, `reason` the cause."""

    code = "condition_error"

    def __init__(self, condition: str, reason: str) -> None:
        self.condition = condition if len(condition) <= 200 else condition[:197] + "..."
        self.reason = reason
        super().__init__(f"{reason} (in condition: {self.condition})")


class OutputError(LanguageError):
    """A declared output names something the run did not produce."""

    code = "output_error"


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word most like `word`, or None when nothing is alike enough.

    Comparing is quadratic in the words' length and linear in their number, so both are bounded: a definition with
    thousands of names and thousands of typos would otherwise cost minutes.
    """
    if len(word) > LONGEST_WORD:
        return None
    likely = sorted(known, key=lambda each: (abs(len(each) - len(word)), each))[:MOST_WORDS]
    matches = difflib.get_close_matches(word, likely, n=1, cutoff=cutoff)
    return matches[0] if matches else None


def key_path_text(path: Path) -> str:
    """`("steps", 2, "prompt")` as `steps[2].prompt`; very long keys are cut."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{clip(part, 80)}" if text else clip(part, 80)
    return text


def clip(text: str, longest: int) -> str:
    """`text`, or its beginning: a message must not be as long as what it complains about."""
    return text if len(text) <= longest else text[: longest - 3] + "..."
