"""Which circuit breakers there are, what they are called, and by which policy each decides. Pure.

provider     `anthropic` and `anthropic/MODEL`: the share of calls that failed by the vendor's fault
performance  `anthropic/MODEL`: the share of calls that were slow
cost         PIPELINE: dollars spent within a time, against a bound
quality      PIPELINE: the share of answers that were not what was asked for
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from pipelines.guardrails.breaker import BreakerPolicy

MOST_NAME: Final = 300


class BreakerError(ValueError):
    """A breaker was named that cannot exist; the text says what was expected."""

    code = "no_such_breaker"


class BreakerKind(enum.StrEnum):
    """What a breaker watches."""

    PROVIDER = "provider"
    PERFORMANCE = "performance"
    COST = "cost"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True, order=True)
class BreakerName:
    """`kind:subject`."""

    kind: BreakerKind
    subject: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject}"


@dataclass(frozen=True, slots=True)
class CostBound:
    """`max_usd` within `window_s`; when it is exceeded the breaker opens for `open_s`."""

    max_usd: Decimal
    window_s: float = 3600.0
    open_s: float = 600.0


def _none() -> Mapping[str, BreakerPolicy | None]:
    return {}


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """The policies; None where a kind is off. `provider` and `performance` by provider name, the default under ""."""

    provider: Mapping[str, BreakerPolicy | None] = field(default_factory=_none)
    performance: Mapping[str, BreakerPolicy | None] = field(default_factory=_none)
    quality: BreakerPolicy | None = None
    cost: CostBound | None = None
    cost_of: Mapping[str, CostBound] = field(default_factory=dict[str, CostBound])

    def policy(self, name: BreakerName) -> BreakerPolicy | None:
        """How this breaker decides; None: it does not exist."""
        match name.kind:
            case BreakerKind.PROVIDER:
                return _of_provider(self.provider, name.subject)
            case BreakerKind.PERFORMANCE:
                return _of_provider(self.performance, name.subject) if "/" in name.subject else None
            case BreakerKind.QUALITY:
                return self.quality
            case BreakerKind.COST:
                bound = self.bound(name.subject)
                # The latest call says whether the bound is kept; there is nothing to count.
                return (
                    None if bound is None else BreakerPolicy("count", 1, 1, 1.0, open_s=bound.open_s, half_open_calls=1)
                )

    def bound(self, pipeline: str) -> CostBound | None:
        """What a pipeline may spend."""
        return self.cost_of.get(pipeline, self.cost)


def parse_name(text: str) -> BreakerName:
    """The name a person wrote, `kind:subject`. Raises `BreakerError`."""
    kind, colon, subject = text.partition(":")
    if kind not in list(BreakerKind) or not colon or not subject or len(subject) > MOST_NAME:
        raise BreakerError(
            f"{text[:MOST_NAME]!r} names no breaker; expected KIND:SUBJECT with the kind {', '.join(BreakerKind)}, "
            "such as provider:anthropic or cost:PIPELINE"
        )
    return BreakerName(BreakerKind(kind), subject)


def _of_provider(policies: Mapping[str, BreakerPolicy | None], subject: str) -> BreakerPolicy | None:
    provider = subject.partition("/")[0]
    return policies[provider] if provider in policies else policies.get("")
