"""Anthropic's rate limit headers: read where they make sense, left alone where not; and what reaches the answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.providers import Answer, Request, TransientError
from actors.providers.anthropic_limits import told_limits
from pipelines.guardrails.rate_limits import Allowance
from tests.actors.providers.vendor import VENDORS
from tests.support import run
from tests.wire import WireServer
from tests.wire.limits import VendorBucket

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC).timestamp()
PREFIX = "anthropic-ratelimit-requests"
WHOLE = {f"{PREFIX}-limit": "50", f"{PREFIX}-remaining": "3", f"{PREFIX}-reset": "2026-05-01T12:00:47Z"}


def test_limit_remaining_and_reset_are_read_as_the_vendor_writes_them() -> None:
    told = told_limits(WHOLE, NOW)
    assert told is not None
    assert (told.requests, told.tokens) == (Allowance(50, 3, 47.0), None)


@pytest.mark.parametrize(
    ("name", "text"), [("limit", "0"), ("limit", "many"), ("remaining", "-1"), ("remaining", "9" * 30)]
)
def test_what_is_no_number_is_left_alone(name: str, text: str) -> None:
    assert told_limits({**WHOLE, f"{PREFIX}-{name}": text}, NOW) is None


@pytest.mark.parametrize("text", ["soon", "2026-05-01T12:00:47", "2020-01-01T00:00:00Z", ""])
def test_a_reset_that_is_past_or_no_moment_counts_as_unknown(text: str) -> None:
    told = told_limits({**WHOLE, f"{PREFIX}-reset": text}, NOW)
    assert told is not None
    assert told.requests == Allowance(50, 3, 0.0)


@given(st.dictionaries(st.sampled_from([*WHOLE, "anthropic-ratelimit-tokens-reset"]), st.text(max_size=40)))
def test_no_header_whatever_breaks_a_call(headers: dict[str, str]) -> None:
    told_limits(headers, NOW)


def test_an_answer_and_a_refusal_both_carry_what_is_left() -> None:
    async def main() -> tuple[Answer, TransientError]:
        async with WireServer(limits=VendorBucket(1, 0.01)) as server:
            provider = VENDORS[0].make(server.url)
            try:
                answer = await provider.complete(Request("Say hello."))
                with pytest.raises(TransientError) as caught:
                    await provider.complete(Request("Say hello."))
                return answer, caught.value
            finally:
                await provider.aclose()

    answer, refused = run(main(), 30)
    for told in (answer.limits, refused.limits):
        assert told is not None
        assert told.requests is not None
        assert (told.requests.limit, told.requests.remaining) == (1, 0)
    assert refused.retry_after_s == pytest.approx(100.0, abs=2)


def test_google_tells_when_to_come_again_in_the_details_of_its_error() -> None:
    async def main() -> TransientError:
        async with WireServer(limits=VendorBucket(1, 0.1)) as server:
            provider = VENDORS[1].make(server.url)
            try:
                await provider.complete(Request("Say hello."))
                with pytest.raises(TransientError) as caught:
                    await provider.complete(Request("Say hello."))
                return caught.value
            finally:
                await provider.aclose()

    refused = run(main(), 30)
    assert (refused.code, refused.retry_after_s) == ("rate_limited", pytest.approx(10.0, abs=1))
