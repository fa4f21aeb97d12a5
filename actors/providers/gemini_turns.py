"""A conversation in Gemini's words, and the function calls in its answers. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from actors.providers.conversation import FunctionCall, FunctionDeclaration, FunctionResult, Turn
from actors.providers.protocol import Request

_ROLES = {"user": "user", "assistant": "model"}


def as_contents(request: Request) -> Any:
    """The prompt alone as text, a longer conversation as contents with roles."""
    if not request.history and not request.follow_up:
        return request.prompt
    return [{"role": _ROLES[turn.role], "parts": _parts(turn)} for turn in request.turns]


def as_counted(request: Request) -> Any:
    """The conversation for the counter, with system text, functions and schema as text before it."""
    beside = [request.system] if request.system else []
    if request.functions:
        beside.append(json.dumps(as_tools(request.functions), ensure_ascii=False))
    if request.json_schema is not None:
        beside.append(json.dumps(dict(request.json_schema), ensure_ascii=False))
    turns = [{"role": _ROLES[turn.role], "parts": _parts(turn)} for turn in request.turns]
    return [{"role": "user", "parts": [{"text": text} for text in beside]}, *turns] if beside else turns


def as_tools(functions: Sequence[FunctionDeclaration]) -> list[dict[str, Any]]:
    """One tool that declares all functions."""
    declared = [
        {"name": each.name, "description": each.description, "parameters_json_schema": dict(each.parameters)}
        for each in functions
    ]
    return [{"function_declarations": declared}]


def calls_of(response: Any) -> tuple[FunctionCall, ...]:
    """The function calls of the first candidate, in order."""
    candidates: list[Any] = response.candidates or []
    content: Any = candidates[0].content if candidates else None
    parts: list[Any] = content.parts or [] if content else []
    found: list[FunctionCall] = []
    for part in parts:
        call: Any = part.function_call
        if call is not None and call.name:
            signature = base64.b64encode(part.thought_signature).decode() if part.thought_signature else ""
            found.append(FunctionCall(call.name, dict(call.args or {}), call.id or "", signature))
    return tuple(found)


def _parts(turn: Turn) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": turn.text}] if turn.text else []
    parts += [_call(call) for call in turn.calls]
    parts += [_result(result) for result in turn.results]
    return parts or [{"text": ""}]


def _call(call: FunctionCall) -> dict[str, Any]:
    named: dict[str, Any] = {"name": call.name, "args": dict(call.arguments)}
    part: dict[str, Any] = {"function_call": {**named, "id": call.id} if call.id else named}
    if call.signature:
        part["thought_signature"] = base64.b64decode(call.signature)
    return part


def _result(result: FunctionResult) -> dict[str, Any]:
    call = result.call
    named: dict[str, Any] = {"name": call.name, "response": dict(result.output)}
    return {"function_response": {**named, "id": call.id} if call.id else named}
