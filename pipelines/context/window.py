"""What a model holds, what a request needs of it, and whether that is too much."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipelines.context.counting import TokenCount

_NEAR: Final = 0.6
"""Real counts of prose and code lie between 0.6 and 1/0.6 times the likely one: beyond that the estimate decides."""
_RESERVE: Final = 0.8
"""What is cut to a model's window by estimate alone is cut to this part of it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A model's context window in tokens, None where it is not known. `holds_answer`: the vendor refuses a request
    whose input and `max_tokens` together are more than the window; otherwise the answer ends where the window does."""

    model: str = ""
    tokens: int | None = None
    holds_answer: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How many input tokens a request may have: what the step asks for, and what the model takes."""

    asked: int | None = None
    model: int | None = None

    @property
    def tightest(self) -> int | None:
        """The smaller one of those that are known."""
        known = [each for each in (self.asked, self.model) if each is not None]
        return min(known, default=None)


class Verdict(StrEnum):
    """fits; too_large; unsure: only the provider's counter can tell."""

    FITS = "fits"
    TOO_LARGE = "too_large"
    UNSURE = "unsure"


def limits_of(window: Window, max_input_tokens: int | None, max_tokens: int) -> Limits:
    """The limits of a request that asks for an answer of at most `max_tokens`."""
    if window.tokens is None:
        return Limits(max_input_tokens)
    return Limits(max_input_tokens, max(0, window.tokens - (max_tokens if window.holds_answer else 0)))


def verdict(count: TokenCount, limits: Limits) -> Verdict:
    """Whether an estimated count is within the limits. The step's own limit is one of the estimate, so it decides; of
    the model's window it decides only what is far from it."""
    if limits.asked is not None and count.likely > limits.asked:
        return Verdict.TOO_LARGE
    if limits.model is None or count.most <= limits.model or count.likely <= limits.model * _NEAR:
        return Verdict.FITS
    return Verdict.TOO_LARGE if count.least > limits.model else Verdict.UNSURE


def exceeds(counted: int, limits: Limits) -> bool:
    """Whether a count of the provider's is above a limit."""
    return limits.tightest is not None and counted > limits.tightest


def target(limits: Limits, *, exact: bool) -> int:
    """What a request that is too large is brought down to. Without an exact count a part of the window stays empty."""
    model = limits.model if exact or limits.model is None else int(limits.model * _RESERVE)
    tightest = Limits(limits.asked, model).tightest
    assert tightest is not None
    return tightest
