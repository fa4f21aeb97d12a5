"""Endpoints about questions to people: which wait, one of them, an answer."""

from __future__ import annotations

import asyncio
import json
import pwd
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from actors.approvals import AnswerApproval, ApprovalState, GetApproval, ListApprovals
from pipelines.execution import Question, Reply
from runtime.gateway.endpoint import Desk, whole_number
from runtime.gateway.problems import ApiError
from runtime.gateway.schemas import AnswerBody
from runtime.gateway.wire import WireResponse, to_wire

LARGEST_DATA = 64 * 1024


class ApprovalEndpoints:
    """The /v1/approvals family."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, request: Request) -> Response:
        """GET /v1/approvals?run=ID&limit=N: those that wait, the oldest first, without preview and fields."""
        run_id = request.query_params.get("run")
        limit = whole_number(request, "limit", 1_000, 10_000)
        found: tuple[Question, ...] = await self._desk.call("approvals", ListApprovals(run_id, limit))
        return WireResponse({"approvals": [_line(each) for each in found]})

    async def get(self, request: Request) -> Response:
        """GET /v1/approvals/{id}: the question, and what became of it."""
        state = await self._desk.call("approvals", GetApproval(request.path_params["approval_id"]))
        return WireResponse(_whole(state))

    async def answer(self, request: Request) -> Response:
        """POST /v1/approvals/{id}: 200 once the answer is in the journal; 409 when another one is there already."""
        body = await self._desk.body(request, AnswerBody)
        size = len(json.dumps(body.data))
        if size > LARGEST_DATA:
            raise ApiError(
                413, "data_too_large", f"`data` has {size} characters as JSON, at most {LARGEST_DATA} are kept."
            )
        reply = Reply(body.choice, body.approve, body.comment, body.data)
        user = await asyncio.to_thread(user_of, request)
        by = user if body.who in (None, "", user) else f"{body.who} (through {user})"
        state = await self._desk.call("approvals", AnswerApproval(request.path_params["approval_id"], reply, by))
        return WireResponse(_whole(state))


def user_of(request: Request) -> str:
    """The user at the other end of the socket as the system knows them. May ask a directory: not on the loop."""
    told = request.client.host if request.client is not None else ""
    head, _, uid = told.partition(":")
    return _name_of(int(uid)) if head == "uid" and uid.isdigit() else "an unknown user"


@lru_cache(maxsize=64)
def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _line(question: Question) -> dict[str, Any]:
    facts = to_wire(question)
    shown = ("id", "run_id", "pipeline", "step", "message", "choices", "asked_at", "expires_at")
    line: dict[str, Any] = {name: facts[name] for name in shown}
    return {**line, "has_preview": question.preview is not None, "has_fields": question.fields is not None}


def _whole(state: ApprovalState) -> dict[str, Any]:
    decision = None if state.decision is None else to_wire(state.decision)
    return {"status": state.status, **to_wire(state.question), "answer": decision, "reason": state.reason or None}
