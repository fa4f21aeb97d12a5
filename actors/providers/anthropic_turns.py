"""A conversation in the words of Anthropic's Messages API, and the function calls in its answers. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from actors.providers.conversation import FunctionCall, FunctionDeclaration, Turn
from actors.providers.protocol import Request


def as_messages(request: Request) -> list[dict[str, Any]]:
    """The conversation; a turn of text alone is plain text."""
    return [{"role": turn.role, "content": _content(turn)} for turn in request.turns]


def as_tools(functions: Sequence[FunctionDeclaration]) -> list[dict[str, Any]]:
    """The functions as tools."""
    return [
        {"name": each.name, "description": each.description, "input_schema": dict(each.parameters)}
        for each in functions
    ]


def calls_of(message: Any) -> tuple[FunctionCall, ...]:
    """The tool uses of an answer, in order."""
    blocks: list[Any] = [block for block in message.content if block.type == "tool_use"]
    return tuple(FunctionCall(block.name, dict(block.input or {}), block.id) for block in blocks)


def _content(turn: Turn) -> Any:
    if not turn.calls and not turn.results:
        return turn.text
    blocks: list[dict[str, Any]] = [
        {
            "type": "tool_result",
            "tool_use_id": result.call.id,
            "content": json.dumps(dict(result.output), ensure_ascii=False),
            "is_error": result.failed,
        }
        for result in turn.results
    ]
    if turn.text:
        blocks.append({"type": "text", "text": turn.text})
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)} for call in turn.calls
    ]
    return blocks
