"""Rate limits: gates of provider, model and tenant, and what the vendor says of its own."""

from __future__ import annotations

import math

import pytest

from pipelines.guardrails.rate_limits import (
    EVERYBODY,
    MOST_GATES,
    Allowance,
    Gate,
    ProviderLimits,
    RateLimit,
    RateLimits,
    VendorLimits,
)


def test_without_limits_there_is_no_gate_to_pass() -> None:
    assert RateLimits(ProviderLimits()).gates("me", "model", 0.0) == ()


def test_each_model_and_each_tenant_has_buckets_of_its_own() -> None:
    limits = RateLimits(
        ProviderLimits(models={"slow": RateLimit(concurrent=1)}, tenants={EVERYBODY: RateLimit(requests_per_minute=1)})
    )
    for gate in limits.gates("ann", "slow", 0.0):
        gate.take(0, 0.0)
    assert [gate.delay(0, 0.0) for gate in limits.gates("ann", "slow", 0.0)] == [math.inf, pytest.approx(60.0)]
    assert [gate.delay(0, 0.0) for gate in limits.gates("bob", "fast", 0.0)] == [0.0]


def test_a_named_tenant_has_its_own_limit_instead_of_everybodys() -> None:
    limits = RateLimits(ProviderLimits(tenants={EVERYBODY: RateLimit(concurrent=1), "ann": RateLimit(concurrent=2)}))
    (gate,) = limits.gates("ann", "model", 0.0)
    gate.take(0, 0.0)
    assert gate.delay(0, 0.0) == 0


def test_a_pause_holds_for_its_model_only_and_a_shorter_one_does_not_end_it() -> None:
    limits = RateLimits(ProviderLimits())
    limits.pause("tired", 30.0, 0.0)
    limits.pause("tired", 5.0, 0.0)
    (gate,) = limits.gates("me", "tired", 10.0)
    assert gate.delay(0, 10.0) == 20.0
    assert limits.gates("me", "fresh", 10.0) == ()


def test_tokens_set_aside_and_not_used_are_free_again() -> None:
    gate = Gate(RateLimit(tokens_per_minute=1000), 0.0)
    gate.take(200, 0.0)
    assert gate.delay(100, 0.0) > 0
    gate.end(200, 50, 0.0)
    assert gate.delay(100, 0.0) == 0
    assert gate.out == 0


def test_what_the_vendor_says_is_left_bounds_what_goes() -> None:
    limits = RateLimits(ProviderLimits())
    limits.heed("model", VendorLimits(requests=Allowance(50, 2, 48.0)), 0.0)
    (gate,) = limits.gates("me", "model", 0.0)
    for _ in range(2):
        assert gate.delay(0, 0.0) == 0
        gate.take(0, 0.0)
    # 48 of 50 are missing and there again in 48 s: one a second.
    assert gate.delay(0, 0.0) == pytest.approx(1.0)


def test_the_first_account_of_the_vendor_may_not_know_of_the_calls_that_are_out() -> None:
    gate = Gate(RateLimit(), 0.0)
    for _ in range(3):
        gate.take(0, 0.0)
    gate.heed(VendorLimits(requests=Allowance(50, 4, 46.0)), 0.0)
    assert gate.delay(0, 0.0) == 0
    gate.take(0, 0.0)
    assert gate.delay(0, 0.0) > 0


def test_an_older_account_of_the_vendor_does_not_give_back_what_was_taken_meanwhile() -> None:
    gate = Gate(RateLimit(), 0.0)
    gate.heed(VendorLimits(requests=Allowance(50, 10, 40.0)), 0.0)
    for _ in range(10):
        gate.take(0, 0.0)
    gate.heed(VendorLimits(requests=Allowance(50, 5, 45.0)), 0.0)
    assert gate.delay(0, 0.0) > 0


def test_a_vendor_that_says_all_is_there_never_blocks_for_ever() -> None:
    gate = Gate(RateLimit(), 0.0)
    gate.heed(VendorLimits(requests=Allowance(3, 3, 0.0)), 0.0)
    for _ in range(3):
        gate.take(0, 0.0)
    assert 0 < gate.delay(0, 0.0) < math.inf


def test_gates_of_names_that_nobody_uses_any_more_are_forgotten() -> None:
    limits = RateLimits(ProviderLimits())
    for number in range(MOST_GATES + 1):
        limits.pause(f"model {number}", 1.0, float(number))
    assert limits.gates("me", "model 0", float(MOST_GATES)) == ()
    assert limits.gates("me", f"model {MOST_GATES}", float(MOST_GATES)) != ()
