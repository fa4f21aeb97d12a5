"""Endpoints of the budgets: how they stand, what was spent, set one."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from actors.treasury import BudgetState, BudgetView, CostReport, RunCost, RunCosts, SetLimit, WholeFrom
from pipelines.guardrails.break_even import BreakEven, Judgement, PipelineCost, break_even
from pipelines.guardrails.budget import Bound
from runtime.gateway.endpoint import Desk, whole_number
from runtime.gateway.guard import who_says
from runtime.gateway.problems import ApiError
from runtime.gateway.schemas import BudgetBody
from runtime.gateway.wire import WireResponse

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOST = Decimal(1_000_000)
_DECIMALS = 12  # picodollars, as the ledger keeps them


class BudgetEndpoints:
    """The /v1/budgets family. Money is decimal text."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def state(self, request: Request) -> Response:
        """GET /v1/budgets?runs=N: limits, spent, reserved, left; what pipelines and the newest N runs have cost."""
        runs = whole_number(request, "runs", 20, 1_000)
        view: BudgetView = await self._desk.call("treasury", BudgetState())
        if view.problem is not None:
            return WireResponse({**_plain(asdict(view)), "pipelines": [], "runs": []})
        costs: tuple[PipelineCost, ...] = await self._desk.call("treasury", CostReport(view.day))
        newest: tuple[RunCost, ...] = await self._desk.call("treasury", RunCosts(runs))
        told: dict[str, Any] = _plain(asdict(view))
        told["pipelines"] = [_cost(each) for each in costs]
        told["runs"] = [_plain(asdict(each)) for each in newest]
        return WireResponse(told)

    async def set(self, request: Request) -> Response:
        """POST /v1/budgets: sets the limits of one budget for good; with `clear` those of the settings hold again."""
        body = await self._desk.body(request, BudgetBody)
        bound = None if body.clear else Bound(_money(body.usd), body.tokens)
        who = who_says(request, body.who)
        view: BudgetView = await self._desk.call("treasury", SetLimit(body.path, bound, who, body.reason))
        return WireResponse(_plain(asdict(view)))

    async def report(self, request: Request) -> Response:
        """GET /v1/budgets/report?since=DAY&saved_minutes=N&hourly_usd=N&review_minutes=N&development_hours=N."""
        since = request.query_params.get("since", "")
        if since and not _is_day(since):
            raise ApiError(400, "bad_query", f"since must be a UTC day as YYYY-MM-DD, not {since!r}.")
        names = ("saved_minutes", "hourly_usd", "review_minutes", "development_hours")
        given = {name: _figure(request, name) for name in names}
        said: Judgement | None = None
        saved, hourly = given["saved_minutes"], given["hourly_usd"]
        if saved is not None and hourly is not None:
            review, hours = given["review_minutes"] or Decimal(0), given["development_hours"] or Decimal(0)
            said = Judgement(saved, hourly, review, hours)
        elif any(each is not None for each in given.values()):
            raise ApiError(400, "bad_query", "break-even needs both saved_minutes and hourly_usd.")
        # What retention has deleted would make the figures of earlier days too small.
        whole: str = await self._desk.call("treasury", WholeFrom())
        since = max(since, whole)
        costs: tuple[PipelineCost, ...] = await self._desk.call("treasury", CostReport(since))
        pipelines = [
            {**_cost(each), "break_even": None if said is None else _even(break_even(each, said))} for each in costs
        ]
        return WireResponse({"since": since or None, "whole_from": whole or None, "pipelines": pipelines})


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return _DAY.fullmatch(text) is not None


def _cost(cost: PipelineCost) -> dict[str, Any]:
    facts = {**asdict(cost), "usd_per_run": cost.usd_per_run, "usd_per_success": cost.usd_per_success}
    return _plain(facts)


def _even(found: BreakEven | None) -> dict[str, Any] | None:
    return None if found is None else _plain(asdict(found))


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return f"{value:f}"
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case list() | tuple():
            return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value


def _money(text: str | None) -> Decimal | None:
    if text is None:
        return None
    value = _decimal(text, "usd", Decimal(1_000_000_000), 422)
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_DECIMALS:
        raise ApiError(422, "bad_amount", f"usd can have at most {_DECIMALS} decimals, not {text[:40]!r}.")
    return value


def _figure(request: Request, name: str) -> Decimal | None:
    text = request.query_params.get(name)
    return None if text is None else _decimal(text, name, _MOST, 400)


def _decimal(text: str, name: str, most: Decimal, status: int) -> Decimal:
    try:
        value = Decimal(text) if len(text) <= 40 else None
    except InvalidOperation:
        value = None
    if value is None or not value.is_finite() or not 0 <= value <= most:
        raise ApiError(status, "bad_amount", f"{name} must be a number from 0 to {most}, not {text[:40]!r}.")
    return value
