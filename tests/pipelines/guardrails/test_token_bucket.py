"""Token buckets: never more than they hold and are refilled with, and nobody waits for ever."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.guardrails.token_bucket import TokenBucket, amount_per_minute, per_minute

STEPS = st.lists(st.tuples(st.floats(0, 30), st.floats(0.01, 10)), min_size=1, max_size=60)


@given(capacity=st.floats(1, 20), rate=st.floats(0, 10), steps=STEPS)
def test_within_any_time_never_more_is_taken_than_the_rate_gives_and_the_bucket_holds(
    capacity: float, rate: float, steps: list[tuple[float, float]]
) -> None:
    bucket = TokenBucket(capacity, rate, 0.0)
    now, taken = 0.0, list[tuple[float, float]]()
    for pause, wanted in steps:
        now += pause
        amount = min(wanted, capacity)
        if bucket.delay(amount, now) == 0:
            bucket.take(amount, now)
            taken.append((now, amount))
    for first in range(len(taken)):
        total = 0.0
        for at, amount in taken[first:]:
            total += amount
            assert total <= (capacity + rate * (at - taken[first][0])) * (1 + 1e-6)


@given(capacity=st.floats(1, 20), rate=st.floats(0.01, 10), amounts=st.lists(st.floats(0.01, 50), max_size=30))
def test_who_waits_as_long_as_told_is_served_whatever_the_amount(
    capacity: float, rate: float, amounts: list[float]
) -> None:
    bucket, now = TokenBucket(capacity, rate, 0.0), 0.0
    for amount in amounts:
        wait = bucket.delay(amount, now)
        assert wait < math.inf
        now += wait
        assert bucket.delay(amount, now) == pytest.approx(0.0, abs=1e-6)
        bucket.take(amount, now)


@given(limit=st.integers(1, 500), pauses=st.lists(st.floats(0, 20), min_size=1, max_size=50))
def test_a_minute_limit_holds_in_every_sixty_seconds(limit: int, pauses: list[float]) -> None:
    bucket = per_minute(limit, 0.0)
    now, calls = 0.0, list[float]()
    for pause in pauses:
        now += pause
        while len(calls) < 2_000 and bucket.delay(1, now) == 0:
            bucket.take(1, now)
            calls.append(now)
    for first, begun in enumerate(calls):
        assert sum(1 for at in calls[first:] if at < begun + 60 - 1e-6) <= limit


def test_a_minute_limit_is_used_up_by_who_always_wants_more() -> None:
    bucket, now, calls = per_minute(60, 0.0), 0.0, 0
    while now < 600:
        wait = bucket.delay(1, now)
        if wait:
            now += wait
            continue
        bucket.take(1, now)
        calls += 1
    assert calls > 0.8 * 60 * 10


def test_an_amount_above_the_bucket_goes_when_it_is_full_and_is_paid_off_afterwards() -> None:
    bucket = amount_per_minute(100, 0.0)  # holds 20, gets 80 a minute
    bucket.take(100, 0.0)
    assert bucket.delay(1, 0.0) == pytest.approx(81 / (80 / 60))


def test_what_was_not_used_goes_back_but_never_above_the_rim() -> None:
    bucket = TokenBucket(10, 1, 0.0)
    bucket.take(8, 0.0)
    bucket.give_back(5, 0.0)
    assert bucket.level(0.0) == 7
    bucket.give_back(50, 0.0)
    assert bucket.level(0.0) == 10


def test_a_clock_that_goes_backwards_refills_nothing() -> None:
    bucket = TokenBucket(10, 1, 100.0, level=0)
    assert bucket.level(50.0) == 0
    assert bucket.level(101.0) == 1


@pytest.mark.parametrize(("capacity", "rate"), [(0, 1), (-1, 1), (1, -1), (math.inf, 1), (1, math.nan)])
def test_a_bucket_that_cannot_be_is_refused(capacity: float, rate: float) -> None:
    with pytest.raises(ValueError, match="a bucket needs"):
        TokenBucket(capacity, rate, 0.0)
