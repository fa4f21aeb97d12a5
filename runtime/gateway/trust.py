"""Endpoints about progressive trust: what was learned, and the thresholds that the owner sets."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from actors.audit import decisions
from actors.trust import ClearTrust, ListTrust, SetTrust, TrustNow
from pipelines.guardrails.trust import TrustRule, answers_for, check_rule
from runtime.gateway.endpoint import Desk
from runtime.gateway.guard import who_says
from runtime.gateway.schemas import TrustBody
from runtime.gateway.wire import WireResponse, to_wire


class TrustEndpoints:
    """The /v1/trust family."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, _request: Request) -> Response:
        """GET /v1/trust: the patterns with their answers and scores, the thresholds, and what is wrong."""
        found: TrustNow = await self._desk.call("trust", ListTrust())
        patterns = [{**to_wire(each), "trusted": each.trusted} for each in found.patterns]
        facts: dict[str, Any] = {"patterns": patterns, "rules": to_wire(found.rules), "problem": found.problem or None}
        return WireResponse({**facts, "automatic": self._may_be_automatic()})

    async def set(self, request: Request) -> Response:
        """POST /v1/trust: 200 once the threshold is on the disk; `threshold` null takes it away."""
        body = await self._desk.body(request, TrustBody)
        who, target = who_says(request, body.who), body.target
        if body.threshold is None:
            rules, patterns = await self._desk.call("trust", ClearTrust(target, body.history))
            self._desk.record(decisions.trust_cleared, request, target, body.history, body.reason)
            return WireResponse({"target": target, "threshold": None, "cleared": rules, "forgotten": patterns})
        check_rule(target, body.threshold)
        # The entry first, as for all that takes a protection away.
        await self._desk.note(decisions.trust_setting, request, target, body.threshold, body.reason)
        order = SetTrust(target, body.threshold, body.reason, who)
        rule: TrustRule = await self._desk.call("trust", order)
        self._desk.record(decisions.trust_set, request, target, body.threshold, body.reason)
        facts = {"answers_needed": answers_for(rule.threshold), "automatic": self._may_be_automatic()}
        return WireResponse({**to_wire(rule), **facts})

    def _may_be_automatic(self) -> bool:
        return self._desk.view.settings.approvals.may_be_automatic
