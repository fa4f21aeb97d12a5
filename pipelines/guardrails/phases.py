"""Guardrail phases: what is looked at before a run, while it goes on, and after it, by the maturity of its pipeline.

A level (experimental, beta, production) says which rules apply, with which limits, and who may run such pipelines. The
rules have the names of the mission's list. Syntax and dependencies hold at every level: what has a mistake there is no
pipeline. Pure: facts in, findings out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from pipelines.execution import tightest
from pipelines.guardrails.classes import every_step, once_per_content
from pipelines.guardrails.phase_names import Maturity, PostRule, PreRule, RuntimeRule, Who
from pipelines.language import Limits, Pipeline

PRE_EXECUTION: Final = "pre_execution"
RUNTIME: Final = "runtime_monitoring"
_RIPENING: Final[tuple[Maturity, ...]] = ("experimental", "beta", "production")


@dataclass(frozen=True, slots=True)
class Level:
    """One maturity level. The rate counts steps whose own attempts came to nothing among those that have ended, once
    there are `min_steps`; a run may cost `max_cost_usd` only if every model it asks has a price."""

    name: Maturity
    user_access: Who = "all_users"
    pre_execution: frozenset[PreRule] = frozenset()
    runtime_monitoring: frozenset[RuntimeRule] = frozenset()
    post_execution: frozenset[PostRule] = frozenset()
    max_tokens: int | None = None
    max_cost_usd: Decimal | None = None
    max_seconds: float | None = None
    max_error_rate: float | None = None
    min_steps: int = 5
    forbidden_types: frozenset[str] = frozenset()

    def limits(self, own: Limits) -> Limits:
        """The pipeline's own limits, narrowed by those of the level whose rules apply."""
        rules = self.runtime_monitoring
        tokens = self.max_tokens if "token_usage_tracking" in rules else None
        cost_usd = self.max_cost_usd if "cost_accumulation_alerts" in rules else None
        seconds = self.max_seconds if "execution_time_limits" in rules else None
        if tokens is None and cost_usd is None and seconds is None:
            return own
        return tightest(own, Limits(max_tokens=tokens, max_cost_usd=cost_usd, max_seconds=seconds))


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a pipeline may not run here and now: phase, rule and level, and a sentence with the fix."""

    phase: str
    rule: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Resources:
    """The least that a run will use, as estimated, and what of its budgets is not spent; those without a limit are not
    named."""

    tokens: int = 0
    usd: Decimal = Decimal(0)
    unpriced: tuple[str, ...] = ()
    tokens_left: Mapping[str, int] = field(default_factory=dict[str, int])
    usd_left: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])


def maturity_of(pipeline: Pipeline, origin: str) -> Maturity:
    """As declared; else experimental for what an evolution made, and production for what a person wrote. A pipeline is
    no more mature than any that it holds: those written or linked into it count by what they declare."""
    own: Maturity = pipeline.maturity or ("experimental" if origin == "evolution" else "production")
    found = _held_maturities(pipeline)
    return next(level for level in _RIPENING if level == own or level in found)


@once_per_content
def _held_maturities(pipeline: Pipeline) -> frozenset[Maturity | None]:
    held = (getattr(step, "pipeline", None) for step in every_step(pipeline.all_steps))
    return frozenset(each.maturity for each in held if isinstance(each, Pipeline))


def may_run(level: Level, user: str, groups: Collection[str], people: Mapping[Who, Collection[str]]) -> Finding | None:
    """Whether this user may run pipelines of the level. `people` names users, and groups as `@name`; developers are
    trusted, too."""
    if level.user_access == "all_users":
        return None
    allowed = set(people.get("developers_only", ()))
    if level.user_access == "trusted_users":
        allowed |= set(people.get("trusted_users", ()))
    if user in allowed or any(f"@{group}" in allowed for group in groups):
        return None
    setting = "developers" if level.user_access == "developers_only" else "trusted"
    text = (
        f"{user} may not run {level.name} pipelines, which are for {level.user_access}: "
        f"have the node's owner add the user to guardrails.{setting}, or declare another maturity once it is earned"
    )
    return Finding(PRE_EXECUTION, "user_access", level.name, text)


def before(
    level: Level, pipeline: Pipeline, providers: Mapping[str, str], unusable: Mapping[str, str], needs: Resources | None
) -> tuple[Finding, ...]:
    """What forbids the run. `providers` maps paths of steps to the provider each will ask, `unusable` providers to why
    they cannot be asked; `needs` is None where nothing was estimated."""
    found: list[Finding] = []
    rules = level.pre_execution
    if "validate_security_constraints" in rules:
        found += [_finding(level, "validate_security_constraints", text) for text in _unsafe(level, pipeline)]
    if "verify_provider_availability" in rules:
        found += [
            _finding(
                level,
                "verify_provider_availability",
                f"step '{step}' asks {provider}, which cannot be used: {unusable[provider]}",
            )
            for step, provider in providers.items()
            if provider in unusable
        ]
    if "estimate_resource_requirements" in rules and needs is not None:
        found += [_finding(level, "estimate_resource_requirements", text) for text in _too_much(level, needs)]
    return tuple(found)


def error_rate(level: Level, ended: int, failed: int) -> Finding | None:
    """Whether so many failed steps among those that have ended end the run."""
    most = level.max_error_rate
    if "error_rate_monitoring" not in level.runtime_monitoring or most is None or ended < level.min_steps:
        return None
    if failed / ended <= most:
        return None
    text = (
        f"{failed} of {ended} steps failed by themselves, more than the share of {most:g} that {level.name} pipelines "
        "may have; mend the steps, or raise guardrails.levels."
        f"{level.name}.max_error_rate"
    )
    return Finding(RUNTIME, "error_rate_monitoring", level.name, text)


def _finding(level: Level, rule: str, text: str) -> Finding:
    return Finding(PRE_EXECUTION, rule, level.name, text)


def _unsafe(level: Level, pipeline: Pipeline) -> Iterator[str]:
    for step in every_step(pipeline.all_steps):
        if step.type in level.forbidden_types:
            yield f"step '{step.name}' is of the type {step.type}, which {level.name} pipelines may not have"
    place = pipeline.workspace_dir
    if place is not None and (place.startswith(("/", "~")) or ".." in place.split("/")):
        yield f"workspace_dir {place!r} leads out of the caller's directory; name one inside of it"


def _too_much(level: Level, needs: Resources) -> Iterator[str]:
    most = level.limits(Limits())
    if most.max_tokens is not None and needs.tokens > most.max_tokens:
        yield f"the run needs at least {needs.tokens} tokens, {level.name} pipelines may use {most.max_tokens}"
    if most.max_cost_usd is not None and needs.usd > most.max_cost_usd:
        yield f"the run costs at least {needs.usd} USD, {level.name} pipelines may cost {most.max_cost_usd}"
    if most.max_cost_usd is not None and needs.unpriced:
        yield f"no price is known for {', '.join(needs.unpriced)}, and {level.name} pipelines are limited in USD"
    for name, tokens in needs.tokens_left.items():
        if needs.tokens > tokens:
            yield f"the run needs at least {needs.tokens} tokens, the budget '{name}' has {tokens} that are not spent"
    for name, usd in needs.usd_left.items():
        if needs.usd > usd:
            yield f"the run costs at least {needs.usd} USD, the budget '{name}' has {usd} that are not spent"
