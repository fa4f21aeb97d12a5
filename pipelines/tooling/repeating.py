"""How often a question goes to its provider: asked again for its shape, in rounds of functions, until it is robust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from pipelines.language import ClaudeExtractStep, ClaudeRobustStep, GeminiInstructorStep, GeminiStep

from .outline import condition_text, kind_of
from .questions import Question


@dataclass(frozen=True, slots=True)
class Repeats:
    """Calls for one question, and with how many answers of its own the question may have grown by the last of them."""

    most: float = 1
    grows: bool = False
    notes: tuple[str, ...] = ()

    def answers_along(self) -> float:
        """Answers that go along with all calls together, at most: 0 with the first, 1 with the second, ..."""
        return self.most * (self.most - 1) / 2 if self.grows else 0


def repeats(step: object, question: Question) -> Repeats:
    """By the step's type. Retries after failures are left out, except where asking again is what the type is for."""
    shape = "asked twice at most, when the first answer does not fit the schema"
    match step:
        case ClaudeRobustStep():
            tries = step.retry.max_attempts * (2 if question.has_schema else 1)
            simplified = step.retry_config.fallback_action == "simplified_prompt"
            told = f"asked up to {tries} times" + (", and once more in short" if simplified else "")
            return Repeats(tries + (1 if simplified else 0), notes=(told,) if tries > 1 or simplified else ())
        case GeminiStep() | GeminiInstructorStep() if step.all_functions:
            rounds = step.max_rounds + 1
            told = f"up to {step.max_rounds} rounds of function calls; what functions give is not counted"
            return Repeats(rounds + (2 if question.has_schema else 0), True, (told,))
        case GeminiInstructorStep():
            return Repeats(2, notes=(shape,))
        case ClaudeExtractStep() if question.has_schema:
            return Repeats(2, notes=(shape,))
        case _:
            return Repeats()


def passes(
    step: Any, inputs: Mapping[str, JsonValue], global_vars: Mapping[str, JsonValue]
) -> tuple[float, float, tuple[str, ...]]:
    """Least and most passes of a step's bodies, and what is not known of them."""
    kind = kind_of(step)
    if kind == "switch":
        return 0, 1, ()
    if kind == "while_loop":
        return 0, float(getattr(step, "max_iterations", 1)), ()
    if kind != "for_loop":
        return 1, 1, ()
    source: Any = getattr(step, "data_source", None)
    if isinstance(source, str):
        name = source.strip().removeprefix("{{").removesuffix("}}").strip().removeprefix("inputs.")
        source = inputs.get(name, global_vars.get(name.removeprefix("global_vars.")))
    if isinstance(source, list):
        count = float(min(len(source), getattr(step, "max_iterations", len(source))))  # pyright: ignore[reportUnknownArgumentType] - JSON
        return (0 if getattr(step, "break_condition", None) is not None else count), count, ()
    told = condition_text(getattr(step, "data_source", ""))
    return 0, 1, (f"counted for one pass: only the run knows how many {told} has",)
