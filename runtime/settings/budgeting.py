"""The sections `budgets` and `guardrails`, and what the Treasury and the phases make of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pipelines.guardrails.budget_paths import check_path
from pipelines.guardrails.phase_names import Maturity, PostRule, PreRule, RuntimeRule, Who
from runtime.settings.section import Section

if TYPE_CHECKING:
    from pipelines.guardrails.budget import BudgetPlan
    from pipelines.guardrails.phases import Level

# Known to exist, so that commands that read the shipped settings need not load the language.
_SHIPPED_TYPES = frozenset({"conditional_deploy", "pipeline_deployer"})


def _as_written(value: object) -> object:
    # Of a float the shortest text that reads as it: what the person wrote.
    return str(value) if isinstance(value, float) else value


# To the picodollar, as the ledger keeps it.
Money = Annotated[
    Decimal, BeforeValidator(_as_written), Field(ge=0, le=1_000_000_000, decimal_places=12, allow_inf_nan=False)
]
Share = Annotated[Decimal, BeforeValidator(_as_written), Field(gt=0, le=1, allow_inf_nan=False)]
Growth = Annotated[Decimal, BeforeValidator(_as_written), Field(ge=1, le=10, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=0, le=10**15)]


class BoundSettings(Section):
    """What one budget may use at most; null: no limit of that kind."""

    usd: Money | None = None
    tokens: Tokens | None = None


class ProgressiveSettings(Section):
    """The share of a `run/TIER` limit that a pipeline is trusted with (see `pipelines.guardrails.allocation`)."""

    start: Share
    grow: Growth
    shrink: Share
    least: Share

    @model_validator(mode="after")
    def _fits(self) -> ProgressiveSettings:
        if self.least > self.start:
            raise ValueError("least must not be above start")
        return self


class BudgetSettings(Section):
    """What the whole node may spend. The keys of `limits` are the paths of `evopipe budget set`."""

    unknown_price: Literal["refuse", "allow"]
    emergency_stop: Share
    alerts: tuple[Share, ...] = Field(max_length=20)
    busy_wait_s: float = Field(gt=0, le=3600)
    progressive: ProgressiveSettings
    limits: dict[str, BoundSettings]

    @field_validator("limits")
    @classmethod
    def _names_budgets(cls, limits: dict[str, BoundSettings]) -> dict[str, BoundSettings]:
        for path in limits:
            check_path(path)
        return limits

    def plan(self) -> BudgetPlan:
        """As the Treasury takes it."""
        from pipelines.guardrails.allocation import Allocation  # noqa: PLC0415 - loads the language
        from pipelines.guardrails.budget import Bound, BudgetPlan, Rules  # noqa: PLC0415

        return BudgetPlan(
            limits={path: Bound(each.usd, each.tokens) for path, each in self.limits.items()},
            rules=Rules(self.alerts, self.emergency_stop, self.unknown_price == "allow", self.progressive.start),
            allocation=Allocation(**self.progressive.model_dump()),
            busy_wait_s=self.busy_wait_s,
        )


class LevelSettings(Section):
    """One maturity level: who, which rules, which limits."""

    user_access: Who
    pre_execution: tuple[PreRule, ...]
    runtime_monitoring: tuple[RuntimeRule, ...]
    post_execution: tuple[PostRule, ...]
    max_tokens: Annotated[int, Field(ge=1)] | None
    max_cost_usd: Money | None
    max_seconds: Annotated[float, Field(gt=0, le=31_536_000)] | None
    max_error_rate: Annotated[float, Field(ge=0, le=1)] | None
    min_steps: int = Field(ge=1, le=1_000_000)
    forbidden_types: tuple[str, ...]

    @field_validator("forbidden_types")
    @classmethod
    def _names_types(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        if _SHIPPED_TYPES.issuperset(types):
            return types
        from pipelines.language import STEP_CLASSES  # noqa: PLC0415 - see above

        unknown = [each for each in types if each not in STEP_CLASSES]
        if unknown:
            raise ValueError(f"no such step type: {', '.join(unknown)}")
        return types

    def level(self, name: Maturity) -> Level:
        """As the phases take it."""
        from pipelines.guardrails.phases import Level  # noqa: PLC0415 - loads the language

        return Level(
            name=name,
            user_access=self.user_access,
            pre_execution=frozenset(self.pre_execution),
            runtime_monitoring=frozenset(self.runtime_monitoring),
            post_execution=frozenset(self.post_execution),
            max_tokens=self.max_tokens,
            max_cost_usd=self.max_cost_usd,
            max_seconds=self.max_seconds,
            max_error_rate=self.max_error_rate,
            min_steps=self.min_steps,
            forbidden_types=frozenset(self.forbidden_types),
        )


class LevelsSettings(Section):
    """All maturity levels."""

    experimental: LevelSettings
    beta: LevelSettings
    production: LevelSettings


class GuardrailSettings(Section):
    """Which guardrails apply at which maturity level. People are user names, or groups as `@name`; the node's owner and
    root are always developers."""

    developers: tuple[str, ...]
    trusted: tuple[str, ...]
    levels: LevelsSettings

    def by_name(self) -> Mapping[Maturity, Level]:
        """The levels as the phases take them."""
        return {name: getattr(self.levels, name).level(name) for name in get_args(Maturity)}

    def people(self) -> Mapping[Who, tuple[str, ...]]:
        """Who is named."""
        return {"developers_only": self.developers, "trusted_users": self.trusted}
