"""What an estimate says: of each question, and of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .spans import Span


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """One step, or one question of it. `cost_usd` None: no price is known for `model` on that day."""

    step: str
    kind: str
    provider: str
    model: str | None
    calls: Span
    input_tokens: Span
    output_tokens: Span
    cost_usd: tuple[Decimal, Decimal] | None
    seconds: Span
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """All questions in the order of the text, and their sums. `cost_usd` is of the priced ones only."""

    steps: tuple[StepEstimate, ...]
    input_tokens: Span
    output_tokens: Span
    cost_usd: tuple[Decimal, Decimal]
    unpriced: tuple[str, ...]
    seconds: Span
    day: date


def unknown(step: str, kind: str, notes: tuple[str, ...]) -> StepEstimate:
    """A step whose questions only the run knows."""
    return StepEstimate(step, kind, "", None, Span(), Span(), Span(), None, Span(), notes)
