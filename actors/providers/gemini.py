"""Google's Gemini API (the developer API, not Vertex) through the official SDK in its async form.

The SDK is loaded on a worker thread at the first call. Its own retries are off.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, cast

from actors.providers.edge import plain
from actors.providers.errors import ProviderError, RefusedError, TransientError
from actors.providers.gemini_failures import ApiFault, classify
from actors.providers.gemini_turns import as_contents, as_counted, as_tools, calls_of
from actors.providers.protocol import Answer, Billed, Request, Usage
from actors.providers.retry_after import retry_after_s
from actors.providers.structured import read_structured
from actors.providers.vendor import VendorProvider

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentResponse

NAME = "gemini"
DEFAULT_MODEL = "gemini-3.8-flash"
KEY_HINT = "Set GEMINI_API_KEY, or name a key file in providers.gemini.api_key_file"

# Every other finish reason means that the vendor held the answer back.
_FINISHED = frozenset({"STOP", "MAX_TOKENS"})
_UNSTEADY = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "OTHER"})


class GeminiProvider(VendorProvider["Client", "GenerateContentResponse"]):
    """models/<model>:generateContent; see `VendorProvider`."""

    vendor = NAME
    default_model = DEFAULT_MODEL
    default_key_hint = KEY_HINT

    def _connect(self, key: str) -> Client:
        from google import genai  # noqa: PLC0415 - takes seconds

        # Without these two arguments the SDK would look for Vertex settings in the environment, and retry by itself.
        return genai.Client(
            vertexai=False,
            api_key=key,
            http_options=genai.types.HttpOptions(
                base_url=self._options.base_url,
                timeout=round(self._options.timeout_s * 1000),
                retry_options=genai.types.HttpRetryOptions(attempts=1),
            ),
        )

    async def _disconnect(self, client: Client) -> None:
        await client.aio.aclose()
        client.close()  # its sync half, which it always makes too

    # ---- the call ------------------------------------------------------------------------------------------

    async def _ask(self, request: Request, key: str, timeout_s: float) -> GenerateContentResponse:
        # The SDK's own types of these two methods are only half known to type checkers.
        models: Any = (await self._connected(key)).aio.models
        return await models.generate_content(
            model=self._model(request), contents=as_contents(request), config=_config(request, timeout_s)
        )

    async def _count(self, request: Request, key: str, timeout_s: float) -> int:
        models: Any = (await self._connected(key)).aio.models
        # The developer API's counter takes contents only, so the rest is counted as a turn of its own.
        http = {"timeout": max(1, round(timeout_s * 1000))}
        counted = await models.count_tokens(
            model=self._model(request), contents=as_counted(request), config={"http_options": http}
        )
        if not isinstance(counted.total_tokens, int):
            raise TransientError("malformed_answer", NAME, "the vendor's count could not be read")
        return counted.total_tokens

    async def _pieces(self, request: Request, key: str, timeout_s: float) -> AsyncGenerator[str, None]:
        models: Any = (await self._connected(key)).aio.models
        chunks: Any = await models.generate_content_stream(
            model=self._model(request), contents=as_contents(request), config=_config(request, timeout_s)
        )
        ended = False
        try:
            async for chunk in chunks:
                reason = _finish_reason(chunk)
                ended = ended or reason is not None
                _check_delivered(chunk, reason or "STOP")
                text = _text(chunk)
                if text:
                    yield text
        finally:
            await chunks.aclose()
        # The SDK takes a body that ends early for the end of the answer.
        if not ended:
            raise TransientError("connection_lost", NAME, "the stream ended before the answer was complete")

    # ---- what comes back -----------------------------------------------------------------------------------

    def _answer(self, request: Request, received: GenerateContentResponse) -> Answer:
        response = received
        reason = _finish_reason(response)
        _check_delivered(response, reason)
        text = _text(response)
        calls = calls_of(response)
        truncated = reason == "MAX_TOKENS"
        if truncated and not text and not calls:
            raise RefusedError("truncated", NAME, "max_tokens was used up before the answer began. Raise max_tokens")
        data: Any = None
        if request.json_schema is not None:
            data = read_structured(NAME, text, request.json_schema, truncated=truncated)
        asked = self._model(request)
        model = response.model_version or asked
        usage = _usage(response)
        return Answer(
            text=text,
            data=data,
            provider=NAME,
            model=model,
            usage=usage,
            cost_usd=self._cost(model, asked, usage),
            stop_reason="function_call" if calls else "max_tokens" if truncated else "end_turn",
            metadata={"language_model": True, "message_id": response.response_id},
            calls=calls,
        )

    def _billed(self, request: Request, received: GenerateContentResponse) -> Billed | None:
        if received.usage_metadata is None:
            return None
        asked = self._model(request)
        model, usage = received.model_version or asked, _usage(received)
        return Billed(model, usage, self._cost(model, asked, usage), received.response_id or "")

    def _translate(self, error: Exception, key: str) -> ProviderError | None:
        from google.genai.errors import APIError, UnknownApiResponseError  # noqa: PLC0415

        match error:
            case APIError():
                return classify(_fault(error, key, self._options.wall()), NAME, self._key_hint)
            case UnknownApiResponseError():
                return TransientError("malformed_answer", NAME, "the vendor's answer could not be read")
            case _:
                return None


def _config(request: Request, timeout_s: float) -> dict[str, Any]:
    http: dict[str, Any] = {"timeout": max(1, round(timeout_s * 1000))}
    if request.idempotency_key:
        http["headers"] = {"Idempotency-Key": request.idempotency_key}
    config: dict[str, Any] = {"max_output_tokens": request.max_tokens, "http_options": http}
    if request.system:
        config["system_instruction"] = request.system
    if request.temperature is not None:
        config["temperature"] = request.temperature
    if request.top_p is not None:
        config["top_p"] = request.top_p
    if request.top_k is not None:
        config["top_k"] = request.top_k
    if request.json_schema is not None:
        config["response_mime_type"] = "application/json"
        config["response_json_schema"] = dict(request.json_schema)
    if request.functions:
        config["tools"] = as_tools(request.functions)
        # The SDK would otherwise call Python functions by itself; ours are the pipeline's.
        config["automatic_function_calling"] = {"disable": True}
    return config


def _finish_reason(response: GenerateContentResponse) -> str | None:
    candidates = response.candidates or []
    reason = candidates[0].finish_reason if candidates else None
    return None if reason is None else str(reason.value)


def _check_delivered(response: GenerateContentResponse, reason: str | None) -> None:
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        raise RefusedError("blocked", NAME, f"the vendor blocked the prompt: {feedback.block_reason.value}")
    if reason is None:
        raise TransientError("malformed_answer", NAME, "the vendor's answer holds no finished candidate")
    if reason in _UNSTEADY:
        raise TransientError("malformed_answer", NAME, f"the vendor broke the answer off: {reason}")
    if reason not in _FINISHED:
        raise RefusedError("blocked", NAME, f"the vendor held the answer back: {reason}")


def _text(response: GenerateContentResponse) -> str:
    # Not `response.text`: that one logs a warning whenever the answer has other parts.
    candidates = response.candidates or []
    content = candidates[0].content if candidates else None
    parts = (content.parts if content else None) or []
    return "".join(part.text for part in parts if part.text and not part.thought)


def _usage(response: GenerateContentResponse) -> Usage:
    counted = response.usage_metadata
    if counted is None:
        return Usage()
    return Usage(
        (counted.prompt_token_count or 0) + (counted.tool_use_prompt_token_count or 0),
        (counted.candidates_token_count or 0) + (counted.thoughts_token_count or 0),
    )


def _fault(error: Any, key: str, wall: float) -> ApiFault:
    body = _mapping(error.details)
    inner = _mapping(body.get("error", body))
    details: Any = inner.get("details")
    headers: Any = getattr(error.response, "headers", {}) or {}
    return ApiFault(
        status=int(error.code or 0),
        status_text=str(error.status or ""),
        message=plain(error.message or f"HTTP status {error.code}", key),
        details=cast("list[Any]", details) if isinstance(details, list) else [],
        retry_after_s=retry_after_s(headers, wall),
    )


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
