"""POST /v1/messages, as Anthropic serves it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from tests.wire.behaviour import Answered, Failed, StreamFailed
from tests.wire.dialect import halves
from tests.wire.http import HttpRequest
from tests.wire.instance import instance_of

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_COUNT_PATH = "/v1/messages/count_tokens"
_NO_TEMPERATURE = ("claude-sonnet-5", "claude-opus-5", "claude-haiku-5", "claude-fable-5")


class AnthropicDialect:
    name = "anthropic"

    def matches(self, request: HttpRequest) -> bool:
        return request.path in {"/v1/messages", _COUNT_PATH}

    def count(self, request: HttpRequest, body: dict[str, Any]) -> dict[str, Any] | None:
        if request.path != _COUNT_PATH:
            return None
        told = [
            *body["messages"],
            {"content": body.get("system") or ""},
            {"content": json.dumps(body.get("tools", ""))},
        ]
        return {"input_tokens": sum(len(_said(each["content"])) for each in told)}

    def sent_key(self, request: HttpRequest) -> str:
        # The API takes both; the SDK sends the second since 2.x.
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        return request.headers.get("x-api-key") or bearer

    def fault(self, request: HttpRequest, body: dict[str, Any], key: str) -> Failed | None:
        if self.sent_key(request) != key:
            return Failed(401, message="invalid x-api-key {key}")
        if "anthropic-version" not in request.headers:
            return Failed(400, message="anthropic-version: header is required")
        counting = request.path == _COUNT_PATH
        for extra in ("max_tokens", "temperature", "stream") if counting else ():
            if extra in body:
                return Failed(400, message=f"{extra}: Extra inputs are not permitted")
        for needed in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
            if needed not in body:
                return Failed(400, message=f"{needed}: Field required")
        if body["model"] == "no-such-model":
            return Failed(404, message="model: no-such-model")
        if "temperature" in body and body["model"].startswith(_NO_TEMPERATURE):
            return Failed(400, message="temperature: not supported by this model")
        schema = _schema(body)
        if schema is not None and not _closed(schema):
            return Failed(400, message="output_config.format.schema: additionalProperties must be false")
        return _unanswered(body)

    def prompt(self, body: dict[str, Any]) -> str:
        content = body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)

    def streams(self, request: HttpRequest, body: dict[str, Any]) -> bool:
        return bool(body.get("stream"))

    def answer(self, request: HttpRequest, body: dict[str, Any], behaviour: Answered) -> dict[str, Any]:
        calls = list(behaviour.calls)
        if behaviour.text is None and body.get("tools") and not calls and not _ids(body["messages"][-1], "tool_result"):
            tool = body["tools"][0]
            calls = [(tool["name"], instance_of(tool["input_schema"]))]
        if calls:
            blocks: list[Any] = [{"type": "text", "text": behaviour.text}] if behaviour.text else []
            blocks += [
                {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": given}
                for number, (name, given) in enumerate(calls, 1)
            ]
            return self._message(request, body, behaviour, blocks, "tool_use", "")
        text = self._text(body, behaviour)
        return self._message(request, body, behaviour, [{"type": "text", "text": text}], "end_turn", text)

    def events(self, request: HttpRequest, body: dict[str, Any], behaviour: Answered | StreamFailed) -> Sequence[bytes]:
        answered = behaviour if isinstance(behaviour, Answered) else Answered()
        text = self._text(body, answered)
        whole = self._message(request, body, answered, [{"type": "text", "text": text}], "end_turn", text)
        usage = whole["usage"]
        start: dict[str, Any] = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        opened: list[bytes] = [
            _sse({"type": "message_start", "message": start}),
            _sse({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            _sse({"type": "ping"}),
        ]
        deltas = [
            _sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}})
            for piece in halves(text)
        ]
        if isinstance(behaviour, StreamFailed):
            error = {"type": "error", "error": {"type": behaviour.type, "message": behaviour.message}}
            return [*opened, deltas[0], _sse(error)]
        return [
            *opened,
            *deltas,
            _sse({"type": "content_block_stop", "index": 0}),
            _sse(
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None},
                    "usage": {"output_tokens": usage["output_tokens"]},
                }
            ),
            _sse({"type": "message_stop"}),
        ]

    def error(self, failed: Failed, sent_key: str) -> dict[str, Any]:
        fallback = "invalid_request_error" if failed.status < 500 else "api_error"
        kind = failed.type or _TYPES.get(failed.status, fallback)
        error: dict[str, Any] = {"type": kind, "message": failed.message.replace("{key}", sent_key)}
        if failed.error_code:
            error["details"] = {"error_code": failed.error_code}
        return {"type": "error", "error": error, "request_id": "req_1"}

    def _text(self, body: dict[str, Any], behaviour: Answered) -> str:
        if behaviour.text is not None:
            return behaviour.text
        schema = _schema(body)
        return json.dumps(instance_of(schema)) if schema is not None else f"You said: {self.prompt(body)}"

    def _message(
        self,
        request: HttpRequest,
        body: dict[str, Any],
        behaviour: Answered,
        content: list[Any],
        stop: str,
        text: str,
    ) -> dict[str, Any]:
        return {
            "id": message_id(request.headers.get("idempotency-key")),
            "type": "message",
            "role": "assistant",
            "model": behaviour.model or body["model"],
            "content": content,
            "stop_reason": behaviour.stop or stop,
            "stop_sequence": None,
            "usage": {
                "input_tokens": len(self.prompt(body)),
                "output_tokens": len(text),
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "service_tier": "standard",
            },
        }


def message_id(key: str | None) -> str:
    """An answer's id: the same for the same idempotency key, as of a vendor that gives its first answer again."""
    return "msg_1" if key is None else f"msg_{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _said(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content)


def _ids(message: dict[str, Any], kind: str) -> list[str]:
    content = message["content"]
    key = {"tool_use": "id", "tool_result": "tool_use_id"}[kind]
    return [] if isinstance(content, str) else [block[key] for block in content if block["type"] == kind]


def _unanswered(body: dict[str, Any]) -> Failed | None:
    """As the vendor says it of tool uses whose results do not follow, or of tools that were not declared."""
    messages = body["messages"]
    for said, following in zip(messages, [*messages[1:], {"content": ""}], strict=True):
        uses = _ids(said, "tool_use")
        if set(uses) != set(_ids(following, "tool_result")) and uses:
            return Failed(400, message="messages: tool_use ids were found without tool_result blocks after")
        if uses and not body.get("tools"):
            return Failed(400, message="tools: Field required when messages contain tool_use blocks")
    return None


def _schema(body: dict[str, Any]) -> dict[str, Any] | None:
    config: dict[str, Any] = body.get("output_config") or {}
    form: dict[str, Any] | None = config.get("format")
    return None if form is None else form["schema"]


def _closed(schema: dict[str, Any]) -> bool:
    if schema.get("type") != "object":
        return True
    return schema.get("additionalProperties") is False and all(map(_closed, schema.get("properties", {}).values()))


def _sse(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
