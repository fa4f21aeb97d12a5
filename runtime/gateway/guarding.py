"""The guardrails at the door: who may run what, and what is checked before a run is let in."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from pydantic import JsonValue
from starlette.requests import Request

from actors.breakers import BreakerFacts, BreakersNow, BreakerStates
from actors.kernel import ActorDeadError, CallTimeout
from actors.providers import PROVIDERS
from actors.steps import PROVIDER_FAMILIES, provider_of
from actors.treasury import BudgetLeft, Left
from pipelines.guardrails.breaker import BreakerState
from pipelines.guardrails.breaker_rules import BreakerKind
from pipelines.guardrails.classes import every_step, tier_of
from pipelines.guardrails.phase_names import Maturity
from pipelines.guardrails.phases import Finding, Level, Resources, before, maturity_of, may_run
from pipelines.language import Pipeline
from pipelines.tooling import Models, Routing, estimate
from runtime.gateway.endpoint import Desk
from runtime.gateway.guard import peer_of
from runtime.gateway.problems import ApiError
from runtime.gateway.roles import Role
from runtime.gateway.wire import to_wire
from runtime.known_models import PriceBook, shipped_prices
from runtime.settings import Settings

_DESK_S = 2.0


class Doorman:
    """Asks the phases before a run. Reads the settings that are in force."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._levels: tuple[object, Mapping[Maturity, Level]] = None, {}

    async def check_user(self, request: Request, pipeline: Pipeline, origin: str = "user") -> Level:
        """The level of the pipeline. Raises `ApiError` 403 when this user may not run such ones."""
        guardrails = self._desk.view.settings.guardrails
        if self._levels[0] is not guardrails:  # the first time, and after a reload
            self._levels = guardrails, guardrails.by_name()
        level = self._levels[1][maturity_of(pipeline, origin)]
        if level.user_access != "all_users" and not _is_owner(request):
            user = peer_of(request).tenant
            found = may_run(level, user, await asyncio.to_thread(_groups_of, user), guardrails.people())
            if found is not None:
                raise _refused(403, (found,))
        return level

    async def check(self, level: Level, pipeline: Pipeline, inputs: Mapping[str, JsonValue], tenant: str) -> None:
        """Raises `ApiError` 422 with every finding."""
        asked = self._asked(pipeline)
        paid = any(PROVIDERS[each].language_model for each in asked.values() if each in PROVIDERS)
        needs: Resources | None = None
        if paid and "estimate_resource_requirements" in level.pre_execution:
            needs = await self._needs(pipeline, inputs, tenant)
        checked = asked if "verify_provider_availability" in level.pre_execution else {}
        unusable = await self._unusable(frozenset(checked.values())) if checked else {}
        found = before(level, pipeline, asked, unusable, needs)
        if found:
            raise _refused(422, found)

    def _asked(self, pipeline: Pipeline) -> dict[str, str]:
        asking = [step for step in every_step(pipeline.all_steps) if step.type in PROVIDER_FAMILIES]
        if not asking:
            return {}
        routes = routes_of(self._desk.view.settings)  # looks at the environment's keys
        return {step.name: provider_of(step, PROVIDER_FAMILIES[step.type], routes) for step in asking}

    async def _unusable(self, asked: frozenset[str]) -> dict[str, str]:
        """Which of these providers have no key, or a breaker that lets nothing through. Breakers that cannot be asked
        say nothing here; they will when the call is made."""
        providers = self._desk.view.settings.providers
        found: dict[str, str] = {}
        with contextlib.suppress(ActorDeadError, CallTimeout):
            now: BreakersNow = await self._desk.call("breakers", BreakerStates(), timeout_s=_DESK_S)
            found = {
                each.subject: f"its breaker is {each.state} ({each.why}); see `evopipe breakers`"
                for each in now.breakers
                if each.kind == BreakerKind.PROVIDER and each.subject in asked and _is_shut(each)
            }
        for name in asked & PROVIDERS.keys():
            if PROVIDERS[name].needs_key and getattr(providers, name).api_key() is None:
                found[name] = f"it has no key; set {getattr(providers, name).api_key_env} and restart the node"
        return found

    async def _needs(self, pipeline: Pipeline, inputs: Mapping[str, JsonValue], tenant: str) -> Resources:
        models, today = models_of(self._desk.view.settings), today_of(self._desk)
        found = await asyncio.to_thread(estimate, pipeline, inputs, models, today, lambda _path: None)
        tokens_left, usd_left = await self._left(pipeline, tenant)
        return Resources(
            tokens=int(found.input_tokens.low + found.output_tokens.low),
            usd=found.cost_usd[0],
            unpriced=found.unpriced,
            tokens_left=tokens_left,
            usd_left=usd_left,
        )

    async def _left(self, pipeline: Pipeline, tenant: str) -> tuple[dict[str, int], dict[str, Decimal]]:
        """What the budgets that a run of it needs have not spent. What calls of others have reserved is no reason to
        turn it away: its own calls wait for that. A Treasury that is away says nothing: its calls will wait for it and
        fail closed."""
        try:
            tier = tier_of(pipeline)
            paths = ("day", f"tenant/{tenant}", f"tier/{tier}", f"pipeline/{pipeline.name}", f"run/{tier}")
            left: dict[str, Left] = await self._desk.call("treasury", BudgetLeft(paths), timeout_s=_DESK_S)
        except (ActorDeadError, CallTimeout):
            return {}, {}
        return (
            {path: each.tokens for path, each in left.items() if each.tokens is not None},
            {path: each.usd for path, each in left.items() if each.usd is not None},
        )


def tenant_of(request: Request, asked: str | None) -> str:
    """Whose budgets pay: the user of the connection, or who the node's owner names. Raises `ApiError` 403."""
    user = peer_of(request).tenant
    if asked in (None, user):
        return user
    if not _is_owner(request):
        raise ApiError(403, "not_yours", f"{user} may not spend for {asked!r}; only the node's owner names a tenant.")
    return str(asked)


def routes_of(settings: Settings) -> dict[str, str]:
    """Which provider answers each family of steps."""
    return {"claude": settings.route("claude"), "gemini": settings.route("gemini")}


def models_of(settings: Settings) -> Models:
    """Which models this node's steps ask, and what they cost."""
    named = {name: getattr(settings.providers, name).model for name in ("anthropic", "gemini")}
    defaults = {name: entry.default_model for name, entry in PROVIDERS.items()}
    return Models(
        _book(), Routing(routes_of(settings), {**defaults, **{name: each for name, each in named.items() if each}})
    )


def today_of(desk: Desk) -> date:
    """The day whose prices hold."""
    return datetime.fromtimestamp(desk.view.kernel.clock.wall(), UTC).date()


def _book() -> PriceBook:
    return PriceBook(shipped_prices())


def _is_shut(breaker: BreakerFacts) -> bool:
    # An open one whose time is over stays so until somebody asks it: this run may make the trial call.
    waits = breaker.state == BreakerState.OPEN and bool(breaker.retry_after_s)
    return waits or breaker.state == BreakerState.FORCED_OPEN


def _is_owner(request: Request) -> bool:
    return peer_of(request).role is Role.OWNER


def _groups_of(user: str) -> tuple[str, ...]:
    try:
        entry = pwd.getpwnam(user)
        return tuple(grp.getgrgid(group).gr_name for group in os.getgrouplist(user, entry.pw_gid))
    except KeyError:
        return ()


def _refused(status: int, found: tuple[Finding, ...]) -> ApiError:
    first = found[0]
    more = "" if len(found) == 1 else f" (and {len(found) - 1} more)"
    message = f"the guardrails refuse this run ({first.phase}, {first.rule}, {first.level}): {first.text}{more}."
    return ApiError(status, "guardrail", message, [to_wire(each) for each in found])
