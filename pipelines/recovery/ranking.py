"""The order in which strategies are tried: what the failure suggests, corrected by what helped before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pipelines.recovery.failure import Failure

Strategy = Literal["other_provider", "other_step_type", "simplified_prompt", "degraded_answer"]
STRATEGIES: Final[tuple[Strategy, ...]] = (
    "other_provider", "other_step_type", "simplified_prompt", "degraded_answer",
)  # fmt: skip

# How many past attempts the first guess is worth.
_PRIOR_WEIGHT: Final = 4.0


@dataclass(frozen=True, slots=True)
class Experience:
    """How often a strategy was tried for one (step type, error code), and how often it fitted."""

    successes: int = 0
    attempts: int = 0


Learned = Mapping[str, Experience]


def ranked(failure: Failure, learned: Learned) -> tuple[Strategy, ...]:
    """All strategies, most promising first.

    The score is the posterior mean of success under a Beta prior that the kind of failure sets. A degraded answer
    nearly always "works", so that learning would put it first: it stays last.
    """
    guess = _first_guess(failure)
    useful: list[Strategy] = ["other_provider", "other_step_type", "simplified_prompt"]
    useful.sort(key=lambda each: -_score(guess[each], learned.get(each, Experience())))
    return (*useful, "degraded_answer")


def _score(prior: float, seen: Experience) -> float:
    return (seen.successes + _PRIOR_WEIGHT * prior) / (seen.attempts + _PRIOR_WEIGHT)


def _first_guess(failure: Failure) -> dict[Strategy, float]:
    if failure.is_too_much:
        return {"simplified_prompt": 0.7, "other_provider": 0.5, "other_step_type": 0.4, "degraded_answer": 0.0}
    if failure.is_misshapen:
        return {"other_step_type": 0.7, "other_provider": 0.6, "simplified_prompt": 0.4, "degraded_answer": 0.0}
    return {"other_provider": 0.7, "other_step_type": 0.5, "simplified_prompt": 0.4, "degraded_answer": 0.0}
