"""Anthropic's Messages API through the official SDK in its async form.

The SDK takes seconds to import, so it is loaded on a worker thread at the first call. Its own retries are off.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from actors.providers.anthropic_failures import ApiFault, classify
from actors.providers.anthropic_limits import told_limits
from actors.providers.anthropic_turns import as_messages, as_tools, calls_of
from actors.providers.edge import plain
from actors.providers.errors import ProviderError, RefusedError, TransientError
from actors.providers.protocol import Answer, Billed, Request, Usage
from actors.providers.retry_after import retry_after_s
from actors.providers.structured import read_structured
from actors.providers.vendor import VendorProvider
from pipelines.guardrails.rate_limits import VendorLimits

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import Message

NAME = "anthropic"
DEFAULT_MODEL = "claude-sonnet-5-5"
KEY_HINT = "Set ANTHROPIC_API_KEY, or name a key file in providers.anthropic.api_key_file"


_SAMPLING: Final = ("temperature", "top_p", "top_k")
# What the counter takes of a call's arguments; it refuses others.
_COUNTED = frozenset({"model", "messages", "system", "tools", "output_config", "timeout"})


@dataclass(frozen=True, slots=True)
class Received:
    """A message and what its headers say about what is left."""

    message: Message
    limits: VendorLimits | None


class AnthropicProvider(VendorProvider["AsyncAnthropic", Received]):
    """POST /v1/messages; see `VendorProvider`."""

    vendor = NAME
    default_model = DEFAULT_MODEL
    default_key_hint = KEY_HINT

    def _connect(self, key: str) -> AsyncAnthropic:
        from anthropic import AsyncAnthropic  # noqa: PLC0415 - takes seconds

        options = self._options
        return AsyncAnthropic(api_key=key, base_url=options.base_url, timeout=options.timeout_s, max_retries=0)

    async def _disconnect(self, client: AsyncAnthropic) -> None:
        await client.close()

    # ---- the call ------------------------------------------------------------------------------------------

    async def _ask(self, request: Request, key: str, timeout_s: float) -> Received:
        client = await self._connected(key)
        # Raw, because the parsed message has lost its headers.
        raw: Any = await client.messages.with_raw_response.create(
            **await self._arguments(request, timeout_s), stream=False
        )
        message: Any = await raw.parse()
        # With another content type the SDK hands out the body as text, whatever the signature says.
        if not isinstance(getattr(message, "content", None), list) or getattr(message, "usage", None) is None:
            raise TransientError("malformed_answer", NAME, "the vendor's answer could not be read")
        return Received(message, told_limits(raw.headers, self._options.wall()))

    async def _count(self, request: Request, key: str, timeout_s: float) -> int:
        client = await self._connected(key)
        arguments = await self._arguments(request, timeout_s)
        counted = await client.messages.count_tokens(
            **{name: value for name, value in arguments.items() if name in _COUNTED}
        )
        if not isinstance(getattr(counted, "input_tokens", None), int):
            raise TransientError("malformed_answer", NAME, "the vendor's count could not be read")
        return counted.input_tokens

    async def _pieces(self, request: Request, key: str, timeout_s: float) -> AsyncGenerator[str, None]:
        client = await self._connected(key)
        events: Any = await client.messages.create(**await self._arguments(request, timeout_s), stream=True)
        async with events:
            ended = False
            async for event in events:
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    yield event.delta.text
                elif event.type == "message_delta" and event.delta.stop_reason == "refusal":
                    raise _refusal()
                ended = ended or event.type == "message_stop"
        # A body that ends early without a transport error would otherwise pass for a short answer.
        if not ended:
            raise TransientError("connection_lost", NAME, "the stream ended before the answer was complete")

    async def _arguments(self, request: Request, timeout_s: float) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._model(request),
            "max_tokens": request.max_tokens,
            "messages": as_messages(request),
            "timeout": timeout_s,
        }
        if request.system:
            arguments["system"] = request.system
        if request.idempotency_key:
            arguments["extra_headers"] = {"Idempotency-Key": request.idempotency_key}
        if sampling := self._sampling(request):
            # The SDK has no such parameters any more; older models still take them.
            arguments["extra_body"] = sampling
        if request.json_schema is not None:
            schema = _accepted_schema(dict(request.json_schema))
            arguments["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        if request.functions:
            arguments["tools"] = as_tools(request.functions)
        return arguments

    # ---- what comes back -----------------------------------------------------------------------------------

    def _answer(self, request: Request, received: Received) -> Answer:
        message = received.message
        stop = message.stop_reason or "unknown"
        if stop == "refusal":
            raise _refusal()
        text = "".join(block.text for block in message.content if block.type == "text")
        truncated = stop in ("max_tokens", "model_context_window_exceeded")
        # A call that was cut off holds half of its arguments.
        calls = () if truncated else calls_of(message)
        if truncated and not text:
            raise RefusedError("truncated", NAME, "max_tokens was used up before the answer began. Raise max_tokens")
        data: Any = None
        if request.json_schema is not None:
            data = read_structured(NAME, text, request.json_schema, truncated=truncated)
        usage = _usage(message)
        return Answer(
            text=text,
            data=data,
            provider=NAME,
            model=message.model,
            usage=usage,
            cost_usd=self._cost(message.model, self._model(request), usage),
            stop_reason="function_call" if calls else stop,
            metadata=self._metadata(request, message),
            calls=calls,
            limits=received.limits,
        )

    def _billed(self, request: Request, received: Received) -> Billed:
        message, usage = received.message, _usage(received.message)
        return Billed(message.model, usage, self._cost(message.model, self._model(request), usage), message.id or "")

    def _metadata(self, request: Request, message: Message) -> dict[str, Any]:
        metadata: dict[str, Any] = {"language_model": True, "message_id": message.id}
        sent = self._sampling(request)
        for name in _SAMPLING:
            if getattr(request, name) is not None and name not in sent:
                metadata[name] = "not sent: this model does not take it"
        return metadata

    def _sampling(self, request: Request) -> dict[str, Any]:
        # Newer models answer 400 to these, so they go only to those that are known to take them.
        model = self._options.prices.model(self._model(request))
        if model is None or not model.temperature:
            return {}
        return {name: value for name in _SAMPLING if (value := getattr(request, name)) is not None}

    def _translate(self, error: Exception, key: str) -> ProviderError | None:
        from anthropic import APIConnectionError, APIResponseValidationError, APIStatusError  # noqa: PLC0415
        from anthropic import APITimeoutError as TimedOut  # noqa: PLC0415

        match error:
            case APIStatusError():
                fault = ApiFault(
                    status=error.status_code,
                    type=error.type,
                    error_code=error.error_code,
                    message=plain(error.api_message or f"HTTP status {error.status_code}", key),
                    retry_after_s=retry_after_s(error.response.headers, self._options.wall()),
                )
                known = classify(fault, NAME, self._key_hint)
                known.limits = told_limits(error.response.headers, self._options.wall())
                return known
            case TimedOut():
                return TransientError("timeout", NAME, "the vendor did not answer in time")
            case APIConnectionError():
                return TransientError("connection_lost", NAME, "the connection to the vendor failed or broke")
            case APIResponseValidationError():
                return TransientError("malformed_answer", NAME, "the vendor's answer could not be read")
            case _:
                return None


def _accepted_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema in the subset the API takes; what it leaves out is checked on the answer."""
    from anthropic import transform_schema  # noqa: PLC0415

    try:
        return transform_schema(schema)
    except (ValueError, TypeError, AttributeError, AssertionError):
        raise RefusedError(
            "bad_schema", NAME, "the JSON schema cannot be sent: every part of it needs a type, an enum or a variant"
        ) from None


def _usage(message: Message) -> Usage:
    counted = message.usage
    # Cached input is priced differently, but we never ask for caching; as plain input it is at worst counted too high.
    cached = (counted.cache_creation_input_tokens or 0) + (counted.cache_read_input_tokens or 0)
    return Usage(counted.input_tokens + cached, counted.output_tokens)


def _refusal() -> RefusedError:
    return RefusedError("blocked", NAME, "the model declined to answer this prompt")
