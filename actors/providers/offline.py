"""The embedded provider: deterministic, no key, no network, and no language model. It says so in every answer.

It fills templates, extracts summaries, keywords and entities, and builds JSON that conforms to a schema, all with the
rules of the `offline_*` modules. It is the default where no vendor has a key, and what demos and evolution run on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any

from actors.providers.conversation import FunctionCall
from actors.providers.edge import guarded
from actors.providers.errors import ProviderError, RefusedError, TransientError
from actors.providers.offline_functions import calls_for, with_results
from actors.providers.offline_json import SchemaTooDeepError, fill
from actors.providers.offline_task import split_prompt, write
from actors.providers.options import ProviderOptions
from actors.providers.protocol import Answer, Request, Usage
from actors.providers.structured import check_schema, read_structured

NAME = "offline"
DEFAULT_MODEL = "offline-rules-1"
NOTICE = (
    "Produced offline by fixed text rules, not by a language model: extracted and rearranged from the prompt, "
    "nothing was understood."
)

# Above this a prompt is worked on a thread, so that a long document does not hold up the node's loop.
_LONG_PROMPT = 20_000
_CHARACTERS_PER_TOKEN = 4
_PIECE = 64


class OfflineProvider:
    """See `Provider`. The same request gives the same answer, in every process."""

    def __init__(self, options: ProviderOptions) -> None:
        self._options = options
        self._closed = False

    @property
    def name(self) -> str:
        return NAME

    def __repr__(self) -> str:
        return "OfflineProvider()"

    async def complete(self, request: Request) -> Answer:
        """Applies the rules; takes `latency_s` longer where that is configured."""
        return await guarded(self._complete(request), NAME, request.timeout_s, _translate)

    async def count_tokens(self, request: Request) -> int:
        """By the rule that its answers' usage has, so it is exact."""
        if self._closed:
            raise TransientError("closed", NAME, "this connection has been closed")
        await check_schema(NAME, request.json_schema)
        return _tokens(_length(request))

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        """The finished answer's text in pieces of equal length."""
        text = (await self.complete(request)).text
        for start in range(0, len(text), _PIECE):
            yield text[start : start + _PIECE]

    async def aclose(self) -> None:
        """Nothing is held; later calls are refused as with any provider."""
        self._closed = True

    async def _complete(self, request: Request) -> Answer:
        if self._closed:
            raise TransientError("closed", NAME, "this connection has been closed")
        if self._options.latency_s > 0:
            await asyncio.sleep(self._options.latency_s)
        await check_schema(NAME, request.json_schema)
        if _length(request) > _LONG_PROMPT:
            return await asyncio.to_thread(_answer, request)
        return _answer(request)


def _answer(request: Request) -> Answer:
    calls = _calls(request)
    text, data, rule = ("", None, "function_call") if calls else _write(request)
    return Answer(
        text=text,
        data=data,
        provider=NAME,
        model=DEFAULT_MODEL,
        usage=Usage(_tokens(_length(request)), _tokens(len(text) + sum(len(str(call.arguments)) for call in calls))),
        cost_usd=Decimal(0),
        stop_reason="function_call" if calls else "end_turn",
        metadata={"language_model": False, "notice": NOTICE, "rule": rule, "usage_is_estimate": True},
        calls=calls,
    )


def _length(request: Request) -> int:
    said = sum(len(turn.text) + sum(len(str(each.output)) for each in turn.results) for turn in request.turns)
    return said + len(request.system or "")


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS_PER_TOKEN)


def _calls(request: Request) -> tuple[FunctionCall, ...]:
    try:
        return calls_for(request)
    except SchemaTooDeepError as error:
        raise RefusedError("bad_schema", NAME, str(error)) from None


def _translate(error: Exception) -> ProviderError | None:
    return None


def _write(request: Request) -> tuple[str, Any, str]:
    schema = request.json_schema
    prompt = with_results(request)
    if schema is None:
        text, rule = write(prompt, request.system, request.metadata)
        return text, None, rule
    _, material = split_prompt(prompt)
    try:
        text = json.dumps(fill(schema, material), ensure_ascii=False)
        return text, read_structured(NAME, text, schema, truncated=False), "schema"
    except SchemaTooDeepError as error:
        raise RefusedError("bad_schema", NAME, str(error)) from None
    except TransientError as error:
        # The rules give the same answer every time: another try cannot do better.
        raise RefusedError("cannot_conform", NAME, error.message) from None
