"""Both vendors' providers with the real SDKs against the wire-faithful server, over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from actors.providers import (
    Answer,
    PriceList,
    Provider,
    ProviderError,
    RefusedError,
    Request,
    SpentError,
    TransientError,
    UnavailableError,
    Usage,
)
from tests.actors.providers.vendor import VENDORS, Vendor
from tests.support import run
from tests.wire import (
    Answered,
    Behaviour,
    Cut,
    Failed,
    Malformed,
    Page,
    Silent,
    Slow,
    StreamFailed,
    WireServer,
)

CANARY = "sk-canary-4f1e7d0c9b2a"

each_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)


@contextlib.asynccontextmanager
async def talking(vendor: Vendor, *queue: Behaviour, **options: Any) -> AsyncGenerator[tuple[Provider, WireServer]]:
    async with WireServer(queue=queue) as server:
        provider = vendor.make(server.url, **options)
        try:
            yield provider, server
        finally:
            await provider.aclose()


def answered(vendor: Vendor, request: Request, *queue: Behaviour, **options: Any) -> Answer:
    async def main() -> Answer:
        async with talking(vendor, *queue, **options) as (provider, _):
            return await provider.complete(request)

    return run(main())


def failure(vendor: Vendor, *queue: Behaviour, request: Request | None = None, calls: int = 1) -> ProviderError:
    """The error of one call; also sees to it that the SDK called once, so did not retry by itself."""

    async def main() -> ProviderError:
        async with talking(vendor, *queue) as (provider, server):
            with pytest.raises(ProviderError) as caught:
                await provider.complete(request or Request("hello"))
            assert len(server.calls) == calls
            return caught.value

    return run(main())


async def streamed(provider: Provider, request: Request) -> str:
    return "".join([piece async for piece in provider.stream(request)])


@each_vendor
def test_an_answer_carries_text_model_usage_and_stop_reason(vendor: Vendor) -> None:
    answer = answered(vendor, Request("hello"))
    assert answer.text == "You said: hello"
    assert answer.data is None
    assert answer.provider == vendor.name
    assert answer.usage == Usage(5, 15)
    assert answer.stop_reason == "end_turn"
    assert answer.metadata["language_model"] is True


@each_vendor
def test_the_request_reaches_the_vendor_whole(vendor: Vendor) -> None:
    async def main() -> None:
        async with talking(vendor) as (provider, server):
            await provider.complete(Request("hi", system="be brief", max_tokens=77, idempotency_key="run-1/step-a"))
            call = server.calls[0]
            assert "be brief" in str(call.body)
            assert "77" in str(call.body)
            assert server.calls_by_key == {"run-1/step-a": 1}

    run(main())


@each_vendor
def test_the_same_idempotency_key_goes_out_with_every_attempt(vendor: Vendor) -> None:
    async def main() -> None:
        async with talking(vendor, Failed(500)) as (provider, server):
            request = Request("hi", idempotency_key="k")
            with pytest.raises(TransientError):
                await provider.complete(request)
            await provider.complete(request)
            assert server.calls_by_key == {"k": 2}

    run(main())


@each_vendor
def test_a_schema_brings_data_that_conforms(vendor: Vendor) -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 1},
            "score": {"type": "integer", "minimum": 0, "maximum": 10},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["title", "score"],
    }
    answer = answered(vendor, Request("extract", json_schema=schema))
    assert answer.data["title"] == "text"
    assert answer.data["score"] in (0, 1)
    assert answer.data["tags"] == ["text"]


@each_vendor
def test_an_answer_that_breaks_the_schema_is_transient(vendor: Vendor) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    error = failure(vendor, Answered('{"n": "many"}'), request=Request("x", json_schema=schema))
    assert isinstance(error, TransientError)
    assert error.code == "schema_mismatch"
    assert "$.n" in error.message


@each_vendor
def test_an_answer_that_cannot_be_used_says_what_it_cost(vendor: Vendor) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    for behaviour, asked in (
        (Answered('{"n": "many"}'), Request("x", json_schema=schema)),
        (Answered('{"n": ', stop=vendor.cut_stop), Request("x", json_schema=schema)),
        (Answered("no", stop=vendor.held_stop), Request("x")),
    ):
        billed = failure(vendor, behaviour, request=asked).billed
        assert billed is not None
        assert billed.usage.input_tokens > 0
        assert billed.answer_id
    assert failure(vendor, Failed(500)).billed is None


@each_vendor
def test_json_cut_off_at_max_tokens_is_refused_and_says_what_to_raise(vendor: Vendor) -> None:
    error = failure(
        vendor, Answered('{"n": ', stop=vendor.cut_stop), request=Request("x", json_schema={"type": "object"})
    )
    assert isinstance(error, RefusedError)
    assert error.code == "truncated"
    assert "max_tokens" in error.message


@each_vendor
def test_text_cut_off_at_max_tokens_is_an_answer_that_says_so(vendor: Vendor) -> None:
    assert answered(vendor, Request("x"), Answered("so far", stop=vendor.cut_stop)).stop_reason == "max_tokens"


@each_vendor
def test_an_invalid_schema_is_refused(vendor: Vendor) -> None:
    async def main() -> None:
        async with talking(vendor) as (provider, server):
            with pytest.raises(RefusedError) as caught:
                await provider.complete(Request("x", json_schema={"type": "nonsense"}))
            assert caught.value.code == "bad_schema"
            assert not server.calls

    run(main())


@each_vendor
def test_a_schema_that_refers_to_another_document_is_refused_without_fetching_it(vendor: Vendor) -> None:
    async def main() -> None:
        async with talking(vendor, Answered('{"n": 1}')) as (provider, server):
            schema = {"type": "object", "properties": {"n": {"$ref": f"{server.url}/secrets.json"}}}
            with pytest.raises(RefusedError) as caught:
                await provider.complete(Request("x", json_schema=schema))
            assert caught.value.code == "bad_schema"
            assert not server.calls

    run(main())


@each_vendor
@pytest.mark.parametrize("status", [408, 409, 429, 500, 529])
def test_a_vendor_that_asks_the_sdk_to_retry_is_called_once_all_the_same(vendor: Vendor, status: int) -> None:
    error = failure(vendor, Failed(status, headers={"x-should-retry": "true", "retry-after-ms": "1"}))
    assert error.code


@each_vendor
def test_an_answer_that_comes_slowly_is_an_answer(vendor: Vendor) -> None:
    assert answered(vendor, Request("hello", timeout_s=20), Slow(0.01)).text == "You said: hello"


@each_vendor
def test_an_answer_that_drips_on_for_ever_ends_at_the_deadline(vendor: Vendor) -> None:
    # Every piece comes in time for the SDK's own timeouts, which are per read: only ours is for the whole call.
    async def main() -> ProviderError:
        async with talking(vendor, Answered(), Slow(0.4)) as (provider, server):
            await provider.complete(Request("so that the SDK is loaded"))
            with pytest.raises(TransientError) as caught:
                await provider.complete(Request("x", timeout_s=1.0))
            assert len(server.calls) == 2
            return caught.value

    assert run(main(), 20).code == "timeout"


@each_vendor
def test_a_held_back_answer_is_refused(vendor: Vendor) -> None:
    error = failure(vendor, Answered("", stop=vendor.held_stop))
    assert isinstance(error, RefusedError)
    assert error.code == "blocked"


@each_vendor
@pytest.mark.parametrize(
    ("behaviour", "kind", "code"),
    [
        (Failed(400), RefusedError, "invalid_request"),
        (Failed(401), UnavailableError, "key_rejected"),
        (Failed(402), SpentError, "credit_spent"),
        (Failed(403), RefusedError, "forbidden"),
        (Failed(404), RefusedError, "not_found"),
        (Failed(413), RefusedError, "too_large"),
        (Failed(422), RefusedError, "invalid_request"),
        (Failed(429), TransientError, "rate_limited"),
        (Failed(500), TransientError, "server_error"),
        (Failed(502), TransientError, "server_error"),
        (Failed(504), TransientError, "timeout"),
        (Cut(), TransientError, "connection_lost"),
        (Malformed(), TransientError, "malformed_answer"),
        (Page(), TransientError, "malformed_answer"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_each_fault_becomes_the_error_that_tells_the_caller_what_to_do(
    vendor: Vendor, behaviour: Behaviour, kind: type[ProviderError], code: str
) -> None:
    error = failure(vendor, behaviour)
    assert type(error) is kind
    assert error.code == code
    assert error.provider == vendor.name


def test_anthropic_overload_529_is_transient() -> None:
    error = failure(VENDORS[0], Failed(529, headers={"retry-after": "3"}))
    assert (type(error), error.code, error.retry_after_s) == (TransientError, "overloaded", 3.0)


def test_gemini_503_is_transient() -> None:
    error = failure(VENDORS[1], Failed(503))
    assert (type(error), error.code) == (TransientError, "overloaded")


@each_vendor
def test_retry_after_is_read_in_seconds_and_as_a_date(vendor: Vendor) -> None:
    assert failure(vendor, Failed(429, headers={"retry-after": "7"})).retry_after_s == 7.0

    async def main() -> float | None:
        date = "Wed, 21 Oct 2026 07:28:30 GMT"
        options = {"wall": lambda: 1792567680.0}
        async with talking(vendor, Failed(429, headers={"retry-after": date}), **options) as (provider, _):
            with pytest.raises(TransientError) as caught:
                await provider.complete(Request("x"))
            return caught.value.retry_after_s

    assert run(main()) == 30.0


def test_gemini_retry_info_says_how_long_to_wait() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}
    assert failure(VENDORS[1], Failed(429, details=(info,))).retry_after_s == 17.5


def test_gemini_daily_quota_is_spent_not_transient() -> None:
    quota = {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
    }
    assert failure(VENDORS[1], Failed(429, details=(quota,))).code == "quota_spent"


@pytest.mark.parametrize(
    "behaviour",
    [
        Failed(400, message="Your credit balance is too low to access the Anthropic API."),
        Failed(400, message="You have reached your specified API usage limits."),
        Failed(429, error_code="enforced_spend_limit_reached"),
    ],
)
def test_anthropic_money_that_ran_out_is_spent_whatever_its_status(behaviour: Behaviour) -> None:
    assert isinstance(failure(VENDORS[0], behaviour), SpentError)


@each_vendor
def test_a_vendor_that_is_not_there_is_transient(vendor: Vendor) -> None:
    async def main() -> ProviderError:
        async with WireServer() as server:
            gone = server.url
        provider = vendor.make(gone)
        try:
            with pytest.raises(TransientError) as caught:
                await provider.complete(Request("x"))
            return caught.value
        finally:
            await provider.aclose()

    assert run(main()).code in ("unreachable", "connection_lost")


@each_vendor
def test_a_silent_vendor_ends_at_the_deadline_and_the_connection_is_closed(vendor: Vendor) -> None:
    async def main() -> ProviderError:
        async with talking(vendor, Silent()) as (provider, server):
            with pytest.raises(TransientError) as caught:
                await provider.complete(Request("x", timeout_s=3.0))
            await asyncio.wait_for(server.gone.wait(), 5)
            return caught.value

    assert run(main(), 20).code == "timeout"


@each_vendor
def test_cancelling_a_call_closes_its_connection(vendor: Vendor) -> None:
    async def main() -> None:
        async with talking(vendor, Silent()) as (provider, server):
            task = asyncio.create_task(provider.complete(Request("x")))
            await asyncio.wait_for(server.arrived.wait(), 8)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.gone.wait(), 5)

    run(main(), 15)


@each_vendor
def test_a_stream_gives_the_text_piece_by_piece(vendor: Vendor) -> None:
    async def main() -> list[str]:
        async with talking(vendor) as (provider, _):
            return [piece async for piece in provider.stream(Request("hello"))]

    pieces = run(main())
    assert len(pieces) == 2
    assert "".join(pieces) == "You said: hello"


@each_vendor
@pytest.mark.parametrize(
    ("behaviour", "code"),
    [(Failed(429), "rate_limited"), (Cut(), "connection_lost"), (Malformed(), "malformed_answer")],
    ids=["status", "cut", "malformed"],
)
def test_a_stream_that_fails_raises_provider_errors_too(vendor: Vendor, behaviour: Behaviour, code: str) -> None:
    async def main() -> ProviderError:
        async with talking(vendor, behaviour) as (provider, _):
            with pytest.raises(TransientError) as caught:
                await streamed(provider, Request("hello"))
            return caught.value

    assert run(main()).code == code


@each_vendor
def test_an_error_event_in_a_stream_is_an_overload(vendor: Vendor) -> None:
    async def main() -> ProviderError:
        async with talking(vendor, StreamFailed(vendor.stream_fault)) as (provider, _):
            with pytest.raises(TransientError) as caught:
                await streamed(provider, Request("hello"))
            return caught.value

    assert run(main()).code == "overloaded"


@each_vendor
def test_leaving_a_stream_early_frees_its_connection(vendor: Vendor) -> None:
    async def main() -> None:
        async with talking(vendor) as (provider, _):
            pieces = provider.stream(Request("hello"))
            assert await anext(pieces)
            await pieces.aclose()
            assert (await provider.complete(Request("again"))).text == "You said: again"

    run(main())


@each_vendor
@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_a_missing_key_is_unavailable_and_says_what_to_do(vendor: Vendor, key: str | None) -> None:
    async def main() -> ProviderError:
        provider = vendor.make(None, key)
        with pytest.raises(UnavailableError) as caught:
            await provider.complete(Request("x"))
        await provider.aclose()
        return caught.value

    error = run(main())
    assert error.code == "no_key"
    assert f"{vendor.name.upper()}_API_KEY" in error.message
    assert "api_key_file" in error.message


@each_vendor
def test_a_key_of_the_environment_is_not_used_behind_our_back(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    assert answered(vendor, Request("hello")).text == "You said: hello"


@each_vendor
@pytest.mark.parametrize("key", [CANARY + "\nX-Evil: 1", CANARY + "é", CANARY + " x"])
def test_a_key_with_impossible_characters_is_named_as_such_and_not_shown(vendor: Vendor, key: str) -> None:
    async def main() -> ProviderError:
        provider = vendor.make(None, key)
        with pytest.raises(UnavailableError) as caught:
            await provider.complete(Request("x"))
        await provider.aclose()
        return caught.value

    error = run(main())
    assert error.code == "bad_key"
    assert "canary" not in str(error)


@each_vendor
@pytest.mark.parametrize(
    "behaviour",
    [
        None,
        Failed(400, message="bad call with {key}"),
        Failed(429, message="slow down, {key}"),
        Failed(500, message="oops {key}"),
        Cut(),
        Malformed(),
        Page(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_key_never_shows_in_an_error_or_a_repr(vendor: Vendor, behaviour: Behaviour | None) -> None:
    async def main() -> tuple[ProviderError, str]:
        # Without a behaviour the server refuses the key itself, and echoes it.
        async with WireServer(key="other" if behaviour is None else CANARY, queue=[behaviour or Page()]) as server:
            provider = vendor.make(server.url, CANARY)
            try:
                await provider.complete(Request("x"))
            except ProviderError as error:
                return error, repr(provider) + str(provider)
            finally:
                await provider.aclose()
        raise AssertionError("no error")

    error, shown = run(main())
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format(chain=True))
    everything = [text, str(error), repr(error), repr(error.args), shown]
    assert not any("canary" in each for each in everything)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_options_do_not_show_the_key() -> None:
    from actors.providers import ProviderOptions

    assert "canary" not in repr(ProviderOptions(api_key=SecretStr(CANARY)))


@each_vendor
def test_the_cost_follows_the_price_list_and_is_unknown_without_one(vendor: Vendor) -> None:
    prices = PriceList.from_yaml(
        f"""
        version: 1
        models:
          priced:
            provider: {vendor.name}
            context_window: 1000
            max_output_tokens: 100
            temperature: true
            source: https://prices.example
            checked: 2026-11-21
            prices: [{{since: 2026-01-01, input: "2", output: "10"}}]
        """
    )
    assert answered(vendor, Request("hello", model="priced"), prices=prices).cost_usd == Decimal("0.000160")
    assert answered(vendor, Request("hello", model="other"), prices=prices).cost_usd is None
    dated = answered(vendor, Request("hello", model="priced"), Answered(model="priced-20260101"), prices=prices)
    assert dated.cost_usd is not None


def test_anthropic_gets_a_temperature_only_where_the_model_takes_one() -> None:
    async def main() -> None:
        shipped = PriceList.from_yaml(
            """
            version: 1
            models:
              claude-haiku-4-5:
                {provider: anthropic, context_window: 200000, max_output_tokens: 64000, temperature: true,
                 source: x, checked: 2026-11-21, prices: []}
            """
        )
        async with talking(VENDORS[0], prices=shipped) as (provider, server):
            sampling: dict[str, Any] = {"temperature": 0.25, "top_p": 0.5, "top_k": 20}
            await provider.complete(Request("a", model="claude-haiku-4-5", **sampling))
            newer = await provider.complete(Request("b", model="claude-sonnet-5-5", **sampling))
            for name, value in sampling.items():
                assert server.calls[0].body[name] == value
                assert name not in server.calls[1].body
                assert "not sent" in newer.metadata[name]

    run(main())


def test_the_sdk_is_loaded_off_the_loop_and_only_at_the_first_call() -> None:
    import subprocess
    import sys

    program = "import actors.providers, sys; print([m for m in ('anthropic', 'google.genai') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
