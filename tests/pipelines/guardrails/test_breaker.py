"""Circuit breakers: when they open, how they try, and what a person's word is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.guardrails.breaker import Breaker, BreakerPolicy, BreakerState, Permit, Refusal, Verdict
from pipelines.guardrails.sliding_window import PARTS, CountWindow, Tally, TimeWindow

SMALL = BreakerPolicy(size=4, min_calls=4, failure_rate=0.5, open_s=10, half_open_calls=2)


def call(breaker: Breaker, now: float, verdict: Verdict, duration_s: float = 0.0) -> None:
    permit = breaker.admit(now)
    assert isinstance(permit, Permit)
    breaker.record(permit, now, verdict, duration_s)


def opened(policy: BreakerPolicy = SMALL) -> Breaker:
    breaker = Breaker(policy)
    for _ in range(policy.min_calls):
        call(breaker, 0, Verdict.BAD)
    assert breaker.state is BreakerState.OPEN
    return breaker


def test_it_stays_closed_below_the_least_number_of_calls_and_opens_at_the_limit() -> None:
    breaker = Breaker(SMALL)
    for verdict in (Verdict.BAD, Verdict.BAD, Verdict.GOOD):
        call(breaker, 0, verdict)
    assert breaker.state is BreakerState.CLOSED
    permit = breaker.admit(1)
    assert isinstance(permit, Permit)
    change = breaker.record(permit, 1, Verdict.GOOD)
    assert change is not None
    assert (change.before, change.after) == (BreakerState.CLOSED, BreakerState.OPEN)
    assert change.why == "2 of 4 calls failed (limit 50%)"


def test_calls_that_are_ignored_count_for_nothing() -> None:
    breaker = Breaker(SMALL)
    for _ in range(100):
        call(breaker, 0, Verdict.IGNORED)
    assert breaker.tally(0) == Tally()


def test_an_open_one_says_when_to_come_back_and_then_tries_a_few() -> None:
    breaker = opened()
    assert breaker.admit(4) == Refusal(BreakerState.OPEN, 6)
    first, second = breaker.admit(10), breaker.admit(10)
    assert breaker.state is BreakerState.HALF_OPEN
    assert isinstance(first, Permit)
    assert isinstance(second, Permit)
    assert isinstance(breaker.admit(10), Refusal)
    assert breaker.record(first, 11, Verdict.GOOD) is None
    change = breaker.record(second, 11, Verdict.GOOD)
    assert change is not None
    assert change.after is BreakerState.CLOSED
    assert breaker.tally(11) == Tally()


def test_a_failed_trial_opens_it_for_another_period() -> None:
    breaker = opened()
    permits = [breaker.admit(10), breaker.admit(10)]
    for permit, verdict in zip(permits, (Verdict.BAD, Verdict.GOOD), strict=True):
        assert isinstance(permit, Permit)
        breaker.record(permit, 12, verdict)
    assert breaker.state is BreakerState.OPEN
    assert breaker.admit(21) == Refusal(BreakerState.OPEN, 1)


def test_a_cancelled_trial_gives_its_place_back() -> None:
    breaker = opened()
    permit = breaker.admit(10)
    assert isinstance(permit, Permit)
    breaker.record(permit, 10, Verdict.IGNORED)
    assert isinstance(breaker.admit(10), Permit)
    assert isinstance(breaker.admit(10), Permit)
    assert isinstance(breaker.admit(10), Refusal)


def test_a_trial_that_has_ended_still_counts_among_the_calls_that_half_open_permits() -> None:
    breaker = opened()
    first = breaker.admit(10)
    assert isinstance(first, Permit)
    breaker.record(first, 10, Verdict.GOOD)
    assert isinstance(breaker.admit(11), Permit)
    assert isinstance(breaker.admit(11), Refusal)


def test_a_trial_that_never_came_back_does_not_hold_it_half_open_for_ever() -> None:
    breaker = opened()
    lost = [breaker.admit(10), breaker.admit(10)]
    assert isinstance(breaker.admit(19), Refusal)
    assert isinstance(breaker.admit(20), Permit)
    assert isinstance(lost[0], Permit)
    assert breaker.record(lost[0], 20, Verdict.BAD) is None  # of an earlier period


def test_what_began_before_it_opened_says_nothing_about_the_time_after() -> None:
    breaker = Breaker(SMALL)
    late = breaker.admit(0)
    for _ in range(4):
        call(breaker, 0, Verdict.BAD)
    assert isinstance(late, Permit)
    assert isinstance(breaker.admit(10), Permit)
    assert breaker.record(late, 10, Verdict.BAD) is None
    assert breaker.state is BreakerState.HALF_OPEN


def test_what_began_before_it_opened_takes_no_place_of_the_trial_and_gives_none_back() -> None:
    breaker = Breaker(SMALL)
    late = [breaker.admit(0) for _ in range(3)]
    for _ in range(4):
        call(breaker, 0, Verdict.BAD)
    trial = [breaker.admit(10), breaker.admit(10)]
    for permit in late:
        assert isinstance(permit, Permit)
        assert breaker.record(permit, 10, Verdict.BAD) is None
    assert (breaker.state, breaker.tally(10)) == (BreakerState.HALF_OPEN, Tally())
    assert isinstance(breaker.admit(10), Refusal)
    for permit in trial:
        assert isinstance(permit, Permit)
        breaker.record(permit, 10, Verdict.GOOD)
    assert breaker.state is BreakerState.CLOSED


def test_a_time_window_opens_it_by_what_is_recent_alone() -> None:
    policy = BreakerPolicy(window="time", size=20, min_calls=3, failure_rate=0.5, open_s=10)
    breaker = Breaker(policy)
    for now in (0.0, 1.0):
        call(breaker, now, Verdict.BAD)
    call(breaker, 30.0, Verdict.BAD)  # the first two are forgotten: one of one, and that is too few
    assert (breaker.state, breaker.tally(30.0)) == (BreakerState.CLOSED, Tally(1, 1, 0))
    for now in (31.0, 32.0):
        call(breaker, now, Verdict.GOOD)
    assert breaker.state is BreakerState.CLOSED
    call(breaker, 33.0, Verdict.BAD)
    assert breaker.state is BreakerState.OPEN


def test_slow_trials_open_it_again_although_they_succeed() -> None:
    policy = BreakerPolicy(size=4, min_calls=2, slow_s=5, slow_rate=0.5, open_s=10, half_open_calls=2)
    breaker = opened(policy)
    trial = [breaker.admit(10), breaker.admit(10)]
    for permit, took_s in zip(trial, (1.0, 6.0), strict=True):
        assert isinstance(permit, Permit)
        breaker.record(permit, 17, Verdict.GOOD, took_s)
    assert breaker.state is BreakerState.OPEN


def test_slow_calls_open_it_although_they_succeed() -> None:
    breaker = Breaker(BreakerPolicy(size=4, min_calls=2, slow_s=5, slow_rate=1.0))
    call(breaker, 0, Verdict.GOOD, 5)
    permit = breaker.admit(0)
    assert isinstance(permit, Permit)
    change = breaker.record(permit, 0, Verdict.GOOD, 7)
    assert change is not None
    assert change.why == "2 of 2 calls took 5 s or longer (limit 100%)"


def test_a_persons_word_holds_until_a_person_takes_it_back() -> None:
    breaker = Breaker(SMALL)
    breaker.force_open(0)
    assert breaker.admit(1e9) == Refusal(BreakerState.FORCED_OPEN, None)
    breaker.force_closed(1e9)
    for _ in range(50):
        call(breaker, 1e9, Verdict.BAD)
    assert breaker.state is BreakerState.FORCED_CLOSED
    change = breaker.reset(1e9)
    assert change is not None
    assert change.after is BreakerState.CLOSED
    assert breaker.reset(1e9) is None


@pytest.mark.parametrize(
    ("before", "admitted_at_5"),
    [(BreakerState.OPEN, False), (BreakerState.HALF_OPEN, True), (BreakerState.FORCED_OPEN, False)],
)
def test_it_goes_on_after_a_restart_as_it_stood(before: BreakerState, admitted_at_5: bool) -> None:
    breaker = Breaker(SMALL)
    breaker.restore(before, 0, open_for_s=4)
    assert isinstance(breaker.admit(5), Permit) is admitted_at_5
    assert isinstance(breaker.admit(6), Permit) is (before is not BreakerState.FORCED_OPEN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"failure_rate": 0},
        {"failure_rate": 1.1},
        {"min_calls": 51},
        {"open_s": -1},
        {"half_open_calls": 0},
        {"slow_s": 0},
    ],
)
def test_a_policy_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        BreakerPolicy(**wrong)  # pyright: ignore[reportArgumentType]


# ---- windows ------------------------------------------------------------------------------------------------------

CALLS = st.lists(st.tuples(st.floats(0, 30), st.booleans(), st.booleans()), max_size=60)


def tallied(calls: Sequence[tuple[float, bool, bool]]) -> Tally:
    return Tally(len(calls), sum(failed for _, failed, _ in calls), sum(slow for _, _, slow in calls))


@given(CALLS, st.integers(1, 20))
def test_a_count_window_holds_the_latest_calls_whatever_came_before(
    calls: list[tuple[float, bool, bool]], size: int
) -> None:
    window = CountWindow(size)
    for _, failed, slow in calls:
        window.add(0, failed=failed, slow=slow)
    assert window.tally(0) == tallied(calls[-size:])


@given(CALLS, st.floats(1, 20))
def test_a_time_window_forgets_what_is_older_than_itself_and_keeps_what_is_younger(
    gaps: list[tuple[float, bool, bool]], seconds: float
) -> None:
    window, now = TimeWindow(seconds), 0.0
    ended: list[tuple[float, bool, bool]] = []
    for gap, failed, slow in gaps:
        now += gap
        window.add(now, failed=failed, slow=slow)
        ended.append((now, failed, slow))
    part = seconds / PARTS
    surely = [call for call in ended if now - call[0] < seconds - 2 * part]
    possibly = [call for call in ended if now - call[0] <= seconds + part]
    assert tallied(surely).calls <= window.tally(now).calls <= tallied(possibly).calls
    assert window.tally(now + 2 * seconds + 1) == Tally()


STEPS = st.lists(
    st.tuples(st.floats(0, 8), st.sampled_from(["admit", *Verdict, "open", "closed", "reset"]), st.floats(0, 3)),
    max_size=200,
)


@given(STEPS)
def test_whatever_happens_half_open_never_lets_more_through_than_allowed_and_nothing_is_stuck(
    steps: list[tuple[float, str, float]],
) -> None:
    breaker = Breaker(BreakerPolicy(size=5, min_calls=2, open_s=4, half_open_calls=2, slow_s=2, slow_rate=0.5))
    now, out = 0.0, list[Permit]()
    for gap, what, duration in steps:
        now += gap
        if what == "admit":
            before = breaker.state
            answer = breaker.admit(now)
            if isinstance(answer, Permit):
                out.append(answer)
                assert before is not BreakerState.FORCED_OPEN
            elif answer.retry_after_s is not None:
                assert 0 <= answer.retry_after_s <= 4
                assert math.isfinite(answer.retry_after_s)
        elif what == "open":
            breaker.force_open(now)
        elif what == "closed":
            breaker.force_closed(now)
        elif what == "reset":
            breaker.reset(now)
        elif out:
            breaker.record(out.pop(0), now, Verdict(what), duration)
        tally = breaker.tally(now)
        assert 0 <= tally.failed <= tally.calls
        assert breaker.state is not BreakerState.HALF_OPEN or tally.calls < 2
    if breaker.state not in (BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED):
        assert isinstance(breaker.admit(now + 100), Permit)
