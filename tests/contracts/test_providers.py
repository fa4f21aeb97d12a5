"""The contract of `Provider`, held to by every implementation in the table.

The vendors talk to the wire-faithful server over real HTTP. A new provider adds one line to `_SITES`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from actors.providers import (
    PROVIDERS,
    Answer,
    FunctionCall,
    FunctionDeclaration,
    FunctionResult,
    Provider,
    ProviderError,
    ProviderOptions,
    RefusedError,
    Request,
    Turn,
    Usage,
)
from tests.support import run
from tests.wire import WireServer
from tests.wire.gemini_dialect import SIGNATURE

SCHEMAS: tuple[dict[str, Any], ...] = (
    {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
    {
        "type": "object",
        "properties": {
            "summary": {"type": "string"},
            "keywords": {"type": "array", "items": {"type": "string"}},
            "score": {"type": "number"},
            "count": {"type": "integer"},
            "urgent": {"type": "boolean"},
            "level": {"enum": ["low", "high"]},
            "author": {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
            },
        },
        "required": ["summary", "keywords", "score", "count", "urgent", "level", "author"],
    },
)


@contextlib.asynccontextmanager
async def at_vendor(name: str) -> AsyncGenerator[Provider]:
    async with WireServer() as server:
        provider = PROVIDERS[name].make(ProviderOptions(api_key=SecretStr("test-key"), base_url=server.url))
        try:
            yield provider
        finally:
            await provider.aclose()


@contextlib.asynccontextmanager
async def here(name: str) -> AsyncGenerator[Provider]:
    provider = PROVIDERS[name].make(ProviderOptions())
    try:
        yield provider
    finally:
        await provider.aclose()


Site = Callable[[str], AbstractAsyncContextManager[Provider]]
_SITES: dict[str, Site] = {"anthropic": at_vendor, "gemini": at_vendor, "offline": here}

every_provider = pytest.mark.parametrize("name", sorted(PROVIDERS))


def with_provider(name: str, use: Callable[[Provider], Any]) -> Any:
    async def main() -> Any:
        async with _SITES[name](name) as provider:
            return await use(provider)

    return run(main(), 20)


def test_every_provider_of_the_table_is_under_the_contract() -> None:
    assert set(_SITES) == set(PROVIDERS)


@every_provider
def test_it_answers_with_everything_filled_in(name: str) -> None:
    answer: Answer = with_provider(name, lambda provider: provider.complete(Request("Say hello to the harbour.")))
    assert answer.text.strip()
    assert answer.data is None
    assert answer.provider == name
    assert answer.model
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert answer.cost_usd is None or isinstance(answer.cost_usd, Decimal)
    assert answer.stop_reason == "end_turn"
    assert answer.metadata["language_model"] is PROVIDERS[name].language_model
    json.dumps(dict(answer.metadata))


@every_provider
def test_its_name_is_the_one_in_the_table(name: str) -> None:
    async def use(provider: Provider) -> str:
        return provider.name

    assert with_provider(name, use) == name


@every_provider
@pytest.mark.parametrize("schema", SCHEMAS, ids=["small", "large"])
def test_data_conforms_to_the_schema_and_text_is_its_json(name: str, schema: dict[str, Any]) -> None:
    request = Request("Anna Berg reports 3 urgent faults in the harbour crane.", json_schema=schema)
    answer: Answer = with_provider(name, lambda provider: provider.complete(request))
    validator: Any = Draft202012Validator(schema)
    assert validator.is_valid(answer.data)
    assert json.loads(answer.text) == answer.data


@every_provider
def test_an_invalid_schema_is_refused(name: str) -> None:
    async def use(provider: Provider) -> str:
        with pytest.raises(RefusedError) as caught:
            await provider.complete(Request("x", json_schema={"type": "nonsense"}))
        return caught.value.code

    assert with_provider(name, use) == "bad_schema"


@every_provider
def test_the_stream_adds_up_to_an_answer(name: str) -> None:
    async def use(provider: Provider) -> str:
        return "".join([piece async for piece in provider.stream(Request("Say hello to the harbour."))])

    assert with_provider(name, use).strip()


@every_provider
def test_calls_may_overlap(name: str) -> None:
    async def use(provider: Provider) -> list[Answer]:
        return await asyncio.gather(*(provider.complete(Request(f"Number {n} of the harbour.")) for n in range(20)))

    answers: list[Answer] = with_provider(name, use)
    assert all(f"{n}" in answer.text for n, answer in enumerate(answers))


@every_provider
def test_closing_twice_is_closing_once_and_a_closed_one_refuses(name: str) -> None:
    async def use(provider: Provider) -> None:
        await provider.complete(Request("Say hello."))
        await provider.aclose()
        await provider.aclose()
        with pytest.raises(ProviderError) as caught:
            await provider.complete(Request("Say hello."))
        assert caught.value.code == "closed"

    with_provider(name, use)


@every_provider
def test_a_provider_that_needs_a_key_says_so_in_the_table(name: str) -> None:
    async def main() -> str | None:
        provider = PROVIDERS[name].make(ProviderOptions())
        try:
            await provider.complete(Request("Say hello."))
        except ProviderError as error:
            return error.error_class
        finally:
            await provider.aclose()
        return None

    assert run(main()) == ("unavailable" if PROVIDERS[name].needs_key else None)


@every_provider
def test_making_one_is_cheap_and_needs_no_running_loop(name: str) -> None:
    assert PROVIDERS[name].make(ProviderOptions()).name == name


def test_usages_add_up() -> None:
    assert Usage(1, 2) + Usage(3, 4) == Usage(4, 6)


STOCK = FunctionDeclaration(
    "stock_level",
    "How many of an article are in stock.",
    {"type": "object", "properties": {"article": {"type": "string"}}, "required": ["article"]},
)


@every_provider
def test_it_asks_for_a_call_of_a_function_and_goes_on_with_what_the_call_gave(name: str) -> None:
    request = Request("Ask stock_level for the article: harbour lamp.", functions=(STOCK,))

    async def use(provider: Provider) -> tuple[Answer, Answer]:
        first = await provider.complete(request)
        results = tuple(FunctionResult(call, {"level": 4}) for call in first.calls)
        said = (Turn("assistant", first.text, first.calls), Turn("user", results=results))
        return first, await provider.complete(dataclasses.replace(request, follow_up=said))

    first, second = with_provider(name, use)
    assert [call.name for call in first.calls] == ["stock_level"]
    assert first.stop_reason == "function_call"
    assert isinstance(first.calls[0].arguments["article"], str)
    assert second.calls == ()
    assert second.text
    assert second.stop_reason == "end_turn"


@every_provider
def test_it_takes_a_conversation_that_went_on_before(name: str) -> None:
    call = FunctionCall("stock_level", {"article": "lamp"}, "call_1", SIGNATURE)
    history = (
        Turn("user", "How many lamps are there?"),
        Turn("assistant", "I will look.", (call,)),
        Turn("user", results=(FunctionResult(call, {"error": "closed"}, failed=True),)),
        Turn("assistant", "Nobody answers."),
    )
    request = Request("Describe the harbour then.", history=history, functions=(STOCK,))
    answer: Answer = with_provider(name, lambda provider: provider.complete(request))
    assert answer.text or answer.calls


@every_provider
def test_it_counts_the_tokens_of_all_that_it_would_be_sent(name: str) -> None:
    small = Request("Say hello to the harbour.")
    call = FunctionCall("stock_level", {"article": "lamp"}, "call_1", SIGNATURE)
    larger = (
        dataclasses.replace(small, prompt=small.prompt * 50),
        dataclasses.replace(small, system="Speak as a sailor would speak. " * 20),
        dataclasses.replace(small, history=(Turn("user", "Before that. " * 20), Turn("assistant", "Indeed."))),
        dataclasses.replace(
            small,
            functions=(STOCK,),
            follow_up=(
                Turn("assistant", "", (call,)),
                Turn("user", results=(FunctionResult(call, {"said": "a lot " * 50}),)),
            ),
        ),
    )

    async def use(provider: Provider) -> tuple[int, list[int]]:
        return await provider.count_tokens(small), [await provider.count_tokens(each) for each in larger]

    first, others = with_provider(name, use)
    assert first > 0
    assert all(other > first for other in others), (first, others)


@every_provider
def test_counting_changes_nothing_about_the_call_that_follows(name: str) -> None:
    request = Request("Say hello to the harbour.", max_tokens=50, temperature=0.5, json_schema=SCHEMAS[0])

    async def use(provider: Provider) -> tuple[int, Answer]:
        return await provider.count_tokens(request), await provider.complete(request)

    counted, answer = with_provider(name, use)
    assert counted > 0
    assert answer.data is not None


@every_provider
def test_a_closed_one_does_not_count_either(name: str) -> None:
    async def use(provider: Provider) -> str:
        await provider.complete(Request("Say hello."))
        await provider.aclose()
        with pytest.raises(ProviderError) as caught:
            await provider.count_tokens(Request("Say hello."))
        return caught.value.code

    assert with_provider(name, use) == "closed"


def test_the_offline_provider_counts_what_its_answers_say() -> None:
    request = Request("Describe the harbour in winter.", system="Be short.")

    async def use(provider: Provider) -> tuple[int, Answer]:
        return await provider.count_tokens(request), await provider.complete(request)

    counted, answer = with_provider("offline", use)
    assert counted == answer.usage.input_tokens
