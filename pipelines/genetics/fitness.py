"""Fitness: a vector of four objectives, each with mean, variance and number of samples; never one lucky number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

OBJECTIVES: Final = ("speed", "token_efficiency", "error_recovery", "output_quality")

# The spread assumed before two samples have been seen: an unmeasured genome must not look certain.
_PRIOR_SD: Final = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run showed. Each objective is between 0 and 1, higher is better."""

    speed: float
    token_efficiency: float
    error_recovery: float
    output_quality: float

    def as_dict(self) -> dict[str, float]:
        """Objective -> value."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


WORST: Final = Sample(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared deviations of a series (Welford 1962)."""

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def add(self, value: float) -> Moments:
        """With one more value."""
        n = self.n + 1
        delta = value - self.mean
        mean = self.mean + delta / n
        return Moments(n, mean, self.m2 + delta * (value - mean))

    def merge(self, other: Moments) -> Moments:
        """The moments of both series together (Chan et al. 1979)."""
        n = self.n + other.n
        if n == 0:
            return self
        delta = other.mean - self.mean
        mean = self.mean + delta * other.n / n
        return Moments(n, mean, self.m2 + other.m2 + delta * delta * self.n * other.n / n)

    @property
    def variance(self) -> float:
        """The unbiased sample variance; 0 below two values."""
        return self.m2 / (self.n - 1) if self.n > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each objective counts; normalised when used. Raises `ValueError` if negative or all zero."""

    speed: float = 0.2
    token_efficiency: float = 0.2
    error_recovery: float = 0.2
    output_quality: float = 0.4

    def __post_init__(self) -> None:
        values = [getattr(self, name) for name in OBJECTIVES]
        if any(not math.isfinite(value) or value < 0 for value in values) or sum(values) == 0:
            raise ValueError(f"weights must be finite, at least 0 and not all 0, got {values}")

    @property
    def shares(self) -> dict[str, float]:
        """Objective -> weight, adding up to 1."""
        total = sum(getattr(self, name) for name in OBJECTIVES)
        return {name: getattr(self, name) / total for name in OBJECTIVES}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A scalar fitness: `mean` and the standard error of that mean, from `n` samples."""

    mean: float
    error: float
    n: int

    @property
    def lower_bound(self) -> float:
        """Mean minus half a standard error: what selection trusts."""
        return self.mean - 0.5 * self.error


@dataclass(frozen=True, slots=True)
class Fitness:
    """The moments of all four objectives over the runs of one genome."""

    speed: Moments = Moments()
    token_efficiency: Moments = Moments()
    error_recovery: Moments = Moments()
    output_quality: Moments = Moments()

    @property
    def n(self) -> int:
        """How many samples it rests on."""
        return self.speed.n

    def add(self, sample: Sample) -> Fitness:
        """With one more run."""
        return Fitness(**{name: self.of(name).add(value) for name, value in sample.as_dict().items()})

    def merge(self, other: Fitness) -> Fitness:
        """With another's runs of the same genome."""
        return Fitness(**{name: self.of(name).merge(other.of(name)) for name in OBJECTIVES})

    def of(self, objective: str) -> Moments:
        """One objective's moments."""
        return getattr(self, objective)

    @property
    def means(self) -> Mapping[str, float]:
        """Objective -> mean."""
        return {name: self.of(name).mean for name in OBJECTIVES}

    def estimate(self, weights: Weights) -> Estimate:
        """The weighted scalar. Its error takes the objectives as independent and blends their variance with a prior
        worth one sample, so that few agreeing samples do not count as certainty."""
        mean = sum(share * self.of(name).mean for name, share in weights.shares.items())
        if self.n == 0:
            return Estimate(0.0, _PRIOR_SD, 0)
        variance = sum(share * share * self.of(name).variance for name, share in weights.shares.items())
        blended = ((self.n - 1) * variance + _PRIOR_SD**2 / self.n) / self.n
        return Estimate(mean, math.sqrt(blended / self.n), self.n)


UNMEASURED: Final = Fitness()
