"""Endpoints about questions to people: which wait, one of them, an answer."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import Response

from actors.approvals import AnswerApproval, ApprovalState, GetApproval, ListApprovals
from actors.audit import decisions
from pipelines.execution import Reply
from runtime.gateway.content import WITHHELD
from runtime.gateway.endpoint import Desk, whole_number
from runtime.gateway.foresight import foreseen
from runtime.gateway.guard import peer_of, who_says
from runtime.gateway.problems import ApiError
from runtime.gateway.schemas import AnswerBody
from runtime.gateway.wire import WireResponse, to_wire

LARGEST_DATA = 64 * 1024
_LINE: Final = ("id", "run_id", "pipeline", "step", "message", "choices", "asked_at", "expires_at", "submitters")
_CONTENT: Final = ("message", "preview", "fields", "comment", "data")


class ApprovalEndpoints:
    """The /v1/approvals family."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, request: Request) -> Response:
        """GET /v1/approvals?run=ID&limit=N: those that wait, the oldest first, without preview and fields."""
        run_id = request.query_params.get("run")
        limit = whole_number(request, "limit", 1_000, 10_000)
        found: tuple[ApprovalState, ...] = await self._desk.call("approvals", ListApprovals(run_id, limit))
        follows = await foreseen(self._desk, [each.question for each in found])
        lines = [{**_line(each), "follows": after} for each, after in zip(found, follows, strict=True)]
        return self._answer(request, {"approvals": lines})

    async def get(self, request: Request) -> Response:
        """GET /v1/approvals/{id}: the question, and what became of it."""
        state = await self._desk.call("approvals", GetApproval(request.path_params["approval_id"]))
        return await self._whole(request, state)

    async def answer(self, request: Request) -> Response:
        """POST /v1/approvals/{id}: 200 once the answer is in the journal; 409 when another one is there already, or
        when this person's yes does not count."""
        body = await self._desk.body(request, AnswerBody)
        size = len(json.dumps(body.data))
        if size > LARGEST_DATA:
            raise ApiError(
                413, "data_too_large", f"`data` has {size} characters as JSON, at most {LARGEST_DATA} are kept."
            )
        reply = Reply(body.choice, body.approve, body.comment, body.data)
        approval_id = request.path_params["approval_id"]
        facts: dict[str, Any] = {"approved": body.approve, "choice": body.choice}
        # The entry first: nothing is approved unseen. Whether it came to count stands in the second one.
        await self._desk.note(decisions.approval_answering, request, approval_id, facts)
        # A name that somebody gives themselves makes no second person of them.
        by, person = who_says(request, body.who), peer_of(request).person
        state: ApprovalState = await self._desk.call("approvals", AnswerApproval(approval_id, reply, by, person))
        counted = {"decided": state.decision is not None, "said_yes": _said_yes(state), "needed": state.needed}
        self._desk.record(decisions.approval_answered, request, approval_id, {**facts, **counted})
        return await self._whole(request, state)

    async def _whole(self, request: Request, state: ApprovalState) -> Response:
        decision = None if state.decision is None else to_wire(state.decision)
        follows = (await foreseen(self._desk, [state.question]))[0] if state.status == "pending" else None
        whole: dict[str, Any] = {"status": state.status, **to_wire(state.question), **_approvals(state)}
        if state.needed > 1 and state.question.on_expiry == "approve":
            whole["on_expiry"] = "reject"  # as the step will take it
        return self._answer(request, {**whole, "answer": decision, "reason": state.reason or None, "follows": follows})

    def _answer(self, request: Request, facts: dict[str, Any]) -> Response:
        """A question quotes what was asked and answered before: not for those who may not see that."""
        return WireResponse(facts if peer_of(request).sees_content else _without_content(facts))


def _line(state: ApprovalState) -> dict[str, Any]:
    question = state.question
    facts = to_wire(question)
    line: dict[str, Any] = {name: facts[name] for name in _LINE}
    has = {"has_preview": question.preview is not None, "has_fields": question.fields is not None}
    return {**line, **has, **_approvals(state)}


def _approvals(state: ApprovalState) -> dict[str, Any]:
    return {"approvals_needed": state.needed, "approvals": to_wire(state.assents)}


def _said_yes(state: ApprovalState) -> int:
    decision = state.decision
    if decision is None:
        return len(state.assents)
    return len(decision.others) + (1 if decision.approved else 0)


def _without_content(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_content(each) for each in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    facts = cast("dict[str, Any]", value)
    return {
        key: WITHHELD if key in _CONTENT and each not in (None, "") else _without_content(each)
        for key, each in facts.items()
    }
