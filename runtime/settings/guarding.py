"""The sections `breakers` and `rate_limits`, and what the guardrails make of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from pipelines.guardrails.breaker import BreakerPolicy
from pipelines.guardrails.breaker_rules import BreakerRules, CostBound
from pipelines.guardrails.rate_limits import ProviderLimits, RateLimit
from runtime.settings.section import Section

ProviderName = Literal["anthropic", "gemini", "offline"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=604_800)]
Share = Annotated[float, Field(gt=0, le=1)]
Dollars = Annotated[Decimal, Field(gt=0, le=1_000_000)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class _WindowBreaker(Section):
    """What the breakers have in common that look at a window of calls."""

    enabled: bool
    window: Literal["count", "time"]
    size: float = Field(ge=1, le=100_000)
    min_calls: int = Field(ge=1, le=100_000)
    open_s: Seconds
    half_open_calls: int = Field(ge=1, le=1_000)

    @model_validator(mode="after")
    def _can_decide(self) -> Self:
        if self.window == "count" and self.min_calls > self.size:
            raise ValueError("min_calls must not be more than size, or the breaker never decides anything")
        return self

    def policy(self) -> BreakerPolicy | None:
        """How it decides; None when it is off."""
        return BreakerPolicy(**self.model_dump(exclude={"enabled"})) if self.enabled else None


class ProviderBreaker(_WindowBreaker):
    """A breaker by the share of failed calls."""

    failure_rate: Share


class SlowBreaker(_WindowBreaker):
    """A breaker by the share of slow calls."""

    slow_s: Seconds
    slow_rate: Share


class PipelineCost(Section):
    """Another bound for one pipeline."""

    max_usd: Dollars


class CostBreaker(Section):
    """What one pipeline may spend within a time. `max_usd` null: no bound."""

    max_usd: Dollars | None
    window_s: Seconds
    open_s: Seconds
    pipelines: dict[Name, PipelineCost] = Field(default_factory=dict)


class ProviderOverride(Section):
    """What is different for one provider; only the keys that are."""

    provider: dict[str, Any] = Field(default_factory=dict)
    performance: dict[str, Any] = Field(default_factory=dict)


class BreakersSettings(Section):
    """The four kinds of circuit breakers."""

    provider: ProviderBreaker
    performance: SlowBreaker
    quality: ProviderBreaker
    cost: CostBreaker
    providers: dict[ProviderName, ProviderOverride] = Field(default_factory=dict[ProviderName, ProviderOverride])

    @model_validator(mode="after")
    def _overrides_fit(self) -> BreakersSettings:
        found: list[InitErrorDetails] = []
        for name, override in self.providers.items():
            for key in ("provider", "performance"):
                try:
                    self._of(override.model_copy(update={"performance" if key == "provider" else "provider": {}}))
                except ValidationError as error:
                    # As pydantic places them, they would seem to be of `breakers` itself.
                    found += [
                        InitErrorDetails(
                            type=each["type"],
                            loc=("providers", name, key, *each["loc"]),
                            input=None,
                            ctx=each.get("ctx", {}),
                        )
                        for each in error.errors()
                    ]
        if found:
            raise ValidationError.from_exception_data("breakers", found, hide_input=True)
        return self

    def rules(self) -> BreakerRules:
        """The rules that the panel works by."""
        both = {name: self._of(override) for name, override in self.providers.items()}
        failing = {name: each.policy() for name, (each, _) in both.items()}
        slow = {name: each.policy() for name, (_, each) in both.items()}
        cost = self.cost
        bounds = {name: CostBound(each.max_usd, cost.window_s, cost.open_s) for name, each in cost.pipelines.items()}
        return BreakerRules(
            provider={"": self.provider.policy(), **failing},
            performance={"": self.performance.policy(), **slow},
            quality=self.quality.policy(),
            cost=None if cost.max_usd is None else CostBound(cost.max_usd, cost.window_s, cost.open_s),
            cost_of=bounds,
        )

    def _of(self, override: ProviderOverride) -> tuple[ProviderBreaker, SlowBreaker]:
        return (
            ProviderBreaker.model_validate({**self.provider.model_dump(), **override.provider}),
            SlowBreaker.model_validate({**self.performance.model_dump(), **override.performance}),
        )


class RateLimitSettings(Section):
    """Calls and tokens within any 60 s, and calls at a time; null: no limit of ours."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent: Count | None = None

    def limit(self) -> RateLimit:
        """As the guardrails take it."""
        return RateLimit(self.requests_per_minute, self.tokens_per_minute, self.concurrent)


class ProviderRates(RateLimitSettings):
    """The limits of a provider as a whole, and of its models and tenants by name ("*": each that is not named)."""

    models: dict[Name, RateLimitSettings] = Field(default_factory=dict)
    tenants: dict[Name, RateLimitSettings] = Field(default_factory=dict)

    def limits(self) -> ProviderLimits:
        """As the pool takes them."""
        return ProviderLimits(self.limit(), _limits(self.models), _limits(self.tenants))


class RateSettings(Section):
    """The limits of all providers."""

    anthropic: ProviderRates
    gemini: ProviderRates
    offline: ProviderRates


def _limits(settings: Mapping[str, RateLimitSettings]) -> dict[str, RateLimit]:
    return {name: each.limit() for name, each in settings.items()}
