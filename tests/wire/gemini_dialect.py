"""POST /v1/models/<model>:generateContent and :streamGenerateContent, as Google serves them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tests.wire.behaviour import Answered, Failed, StreamFailed
from tests.wire.dialect import halves
from tests.wire.http import HttpRequest
from tests.wire.instance import instance_of

# The SDK's default is v1 since 3.x; v1beta is what older ones ask for.
_PATH = re.compile(r"/v1(?:beta)?/models/([^:/]+):(?:(?:stream)?[gG]enerateContent|countTokens)$")
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


# What the server signs calls with, in base64.
SIGNATURE = "c2lnbmVkIGJ5IHRoZSB2ZW5kb3I="


class GeminiDialect:
    name = "gemini"

    def matches(self, request: HttpRequest) -> bool:
        return _PATH.match(request.path) is not None

    def count(self, request: HttpRequest, body: dict[str, Any]) -> dict[str, Any] | None:
        if not request.path.endswith(":countTokens"):
            return None
        parts = [part for content in body["contents"] for part in content["parts"]]
        return {"totalTokens": sum(len(part.get("text") or json.dumps(part)) for part in parts)}

    def sent_key(self, request: HttpRequest) -> str:
        return request.headers.get("x-goog-api-key", "")

    def fault(self, request: HttpRequest, body: dict[str, Any], key: str) -> Failed | None:
        if self.sent_key(request) != key:
            reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            return Failed(400, message="API key not valid: {key}", details=(reason,))
        if request.path.endswith(":countTokens") and set(body) - {"contents", "generateContentRequest"}:
            return Failed(400, message="Unknown name in CountTokensRequest")
        if not body.get("contents"):
            return Failed(400, message="contents is not specified")
        if self._model(request) == "no-such-model":
            return Failed(404, message="models/no-such-model is not found")
        return _unanswered(body["contents"])

    def prompt(self, body: dict[str, Any]) -> str:
        return "".join(part.get("text", "") for part in body["contents"][-1]["parts"])

    def streams(self, request: HttpRequest, body: dict[str, Any]) -> bool:
        return request.path.endswith(":streamGenerateContent")

    def answer(self, request: HttpRequest, body: dict[str, Any], behaviour: Answered) -> dict[str, Any]:
        calls = list(behaviour.calls)
        if behaviour.text is None and body.get("tools") and not calls and not _results(body["contents"][-1]):
            declared = body["tools"][0]["functionDeclarations"][0]
            calls = [(declared["name"], instance_of(_parameters(declared)))]
        if calls:
            parts: list[Any] = [{"functionCall": {"name": name, "args": args}} for name, args in calls]
            # The vendor signs the first call of a turn and refuses to go on without its signature.
            parts[0]["thoughtSignature"] = SIGNATURE
            parts = [{"text": behaviour.text}, *parts] if behaviour.text else parts
            return self._response(request, body, behaviour, parts, "STOP", "")
        text = self._text(body, behaviour)
        return self._response(request, body, behaviour, [{"text": text}], behaviour.stop or "STOP", text)

    def events(self, request: HttpRequest, body: dict[str, Any], behaviour: Answered | StreamFailed) -> Sequence[bytes]:
        answered = behaviour if isinstance(behaviour, Answered) else Answered()
        text = self._text(body, answered)
        pieces = halves(text)
        if isinstance(behaviour, StreamFailed):
            first = self._response(request, body, answered, [{"text": pieces[0]}], None, pieces[0])
            return [_sse(first), _sse(self.error(Failed(503, behaviour.type, behaviour.message), ""))]
        last = len(pieces) - 1
        return [
            _sse(
                self._response(
                    request,
                    body,
                    answered,
                    [{"text": piece}],
                    (answered.stop or "STOP") if at == last else None,
                    text,
                )
            )
            for at, piece in enumerate(pieces)
        ]

    def error(self, failed: Failed, sent_key: str) -> dict[str, Any]:
        error: dict[str, Any] = {
            "code": failed.status,
            "message": failed.message.replace("{key}", sent_key),
            "status": failed.type or _STATUS.get(failed.status, "UNKNOWN"),
        }
        if failed.details:
            error["details"] = list(failed.details)
        return {"error": error}

    def _model(self, request: HttpRequest) -> str:
        found = _PATH.match(request.path)
        assert found is not None
        return found.group(1)

    def _text(self, body: dict[str, Any], behaviour: Answered) -> str:
        if behaviour.text is not None:
            return behaviour.text
        schema = body.get("generationConfig", {}).get("responseJsonSchema")
        return json.dumps(instance_of(schema)) if schema is not None else f"You said: {self.prompt(body)}"

    def _response(
        self,
        request: HttpRequest,
        body: dict[str, Any],
        behaviour: Answered,
        parts: list[Any],
        stop: str | None,
        text: str,
    ) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if stop is not None:
            candidate["finishReason"] = stop
        spoken = len(self.prompt(body))
        return {
            "candidates": [candidate],
            "usageMetadata": {
                "promptTokenCount": spoken,
                "candidatesTokenCount": len(text),
                "totalTokenCount": spoken + len(text),
            },
            "modelVersion": behaviour.model or self._model(request),
            "responseId": "resp_1",
        }


def _sse(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\r\n\r\n".encode()


def _calls(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in content["parts"] if "functionCall" in part]


def _results(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in content["parts"] if "functionResponse" in part]


def _unanswered(contents: list[dict[str, Any]]) -> Failed | None:
    """As the vendor says it of a turn of calls whose results do not follow, or whose signature was lost."""
    nothing: dict[str, Any] = {"parts": []}
    for turn, following in zip(contents, [*contents[1:], nothing], strict=True):
        calls = _calls(turn)
        if len(calls) != len(_results(following)) and calls:
            return Failed(400, message="the number of function response parts must equal that of function call parts")
        if calls and calls[0].get("thoughtSignature") != SIGNATURE:
            return Failed(400, message="Function call is missing a thought_signature in functionCall parts")
    return None


def _parameters(declared: dict[str, Any]) -> dict[str, Any]:
    """Proto JSON takes a field's name in both spellings; the SDK sends the second. `parameters` is the older form."""
    for name in ("parametersJsonSchema", "parameters_json_schema", "parameters"):
        if name in declared:
            return declared[name]
    return {"type": "object"}
