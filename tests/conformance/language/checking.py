"""One case against the product."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pipelines.execution import LimitReachedError, NestingError
from pipelines.language import InvalidPipelineError, LanguageError
from pipelines.transform import TransformError
from tests.conformance.language.areas import AREAS, RunFailedError, WorkflowRefusedError
from tests.conformance.language.cases import Case

MOST_SHOWN_CHARS = 10_000
_REFUSALS = (LanguageError, LimitReachedError, NestingError, TransformError, RunFailedError, WorkflowRefusedError)


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that did not come out as expected."""

    case: Case
    got: str

    def __str__(self) -> str:
        expected = json.dumps(self.case.expected, ensure_ascii=False)
        return f"FAILED {_clipped(self.case.id)}\n  expected: {_clipped(expected)}\n  got:      {_clipped(self.got)}"


def _clipped(text: str) -> str:
    return text if len(text) <= MOST_SHOWN_CHARS else f"{text[:MOST_SHOWN_CHARS]}... ({len(text)} characters)"


def check(case: Case) -> Failure | None:
    """None when the product answers as the case expects. Never raises."""
    if case.malformed is not None:
        return Failure(case, f"malformed: {case.malformed}")
    area = AREAS.get(case.area)
    if area is None:
        return Failure(case, f"no part of the product answers the area '{case.area}'")
    wanted = case.expected_error
    try:
        value = area.answer(case.input)
    except _REFUSALS as error:
        text = error_text(error)
        return None if wanted is not None and wanted in text else Failure(case, f"error: {text}")
    except Exception as error:
        # Anything else is a fault of the product, even where an error is expected.
        return Failure(case, f"crash: {type(error).__name__}: {error}")
    if wanted is None and area.matches(case.expected, value, case.wording):
        return None
    return Failure(case, json.dumps(value, ensure_ascii=False, default=str))


def error_text(error: Exception) -> str:
    """An error as text. Findings also read as the reference writes them: the fix as the next sentence."""
    if not isinstance(error, InvalidPipelineError):
        return str(error)
    lines: list[Any] = [str(error)]
    for each in error.diagnostics:
        lines.append(f"{each.message}. {each.fix[:1].upper()}{each.fix[1:]}".removesuffix(". "))
    return "\n".join(lines)
