"""The pure decisions, against the plainest statement of each rule."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.kernel import (
    Actor,
    ChildSpec,
    Crashed,
    ExitReason,
    KernelError,
    Killed,
    NoProcess,
    Normal,
    Shutdown,
    StartError,
)
from actors.kernel.child import Restart
from supervisors import Backoff, RestartWindow
from supervisors.children import Child, shuts_down
from supervisors.starting import start_error
from supervisors.strategy import STRATEGIES, AutoShutdown, Strategy, affected, should_restart
from tests.actors_for_tests import Boom


class Idle(Actor):
    """Does nothing."""


MOMENTS = st.lists(st.integers(0, 20), max_size=40).map(sorted)


@pytest.mark.parametrize(
    ("reason", "abnormal"),
    [
        (Normal(), False),
        (Shutdown(), False),
        (Shutdown("with a term"), False),
        (Killed(), True),
        (NoProcess(), True),
        (Crashed(Boom()), True),
        (Crashed(SystemExit()), True),
    ],
)
def test_restart_types_look_at_the_reason_as_otp_does(reason: ExitReason, abnormal: bool) -> None:
    expected: dict[Restart, bool] = {"permanent": True, "transient": abnormal, "temporary": False}
    assert {kind: should_restart(kind, reason) for kind in expected} == expected


@given(st.permutations("abcdef"), st.integers(0, 5), st.sampled_from(STRATEGIES))
def test_a_strategy_takes_nobody_one_side_or_all_and_keeps_the_order(
    order: list[str], place: int, strategy: Strategy
) -> None:
    failed = order[place]
    group = affected(strategy, order, failed)
    assert failed in group
    assert list(group) == [c for c in order if c in group]
    left_alone = [c for c in order if c not in group]
    assert (
        left_alone
        == {
            "one_for_one": [c for c in order if c != failed],
            "one_for_all": [],
            "rest_for_one": order[:place],
        }[strategy]
    )


@pytest.mark.parametrize(
    ("rule", "first", "last"),
    [("never", False, False), ("any_significant", True, True), ("all_significant", False, True)],
)
def test_a_significant_child_ends_its_supervisor_alone_or_as_the_last_of_its_kind_and_never_by_what_is_restarted(
    rule: AutoShutdown, first: bool, last: bool
) -> None:
    one, other = (Child(ChildSpec(name, Idle, restart="transient", significant=True)) for name in ("one", "other"))
    book = {"one": one, "other": other, "plain": Child(ChildSpec("plain", Idle))}
    other.restarting = True  # as good as running: it will be back
    assert shuts_down(rule, book, one, Normal()) is first
    other.restarting = False
    assert shuts_down(rule, book, one, Shutdown()) is last
    assert not shuts_down(rule, book, one, Crashed(Boom()))


@given(MOMENTS, st.integers(0, 5), st.integers(1, 8))
def test_the_window_admits_as_long_as_few_enough_restarts_are_younger_than_the_window(
    moments: list[int], max_restarts: int, max_seconds: int
) -> None:
    window = RestartWindow(max_restarts, float(max_seconds))
    for place, now in enumerate(moments):
        young = [t for t in moments[: place + 1] if now - t < max_seconds]
        assert window.admit(float(now)) == (len(young) <= max_restarts)


def test_a_restart_leaves_the_window_exactly_at_its_edge_and_not_a_moment_before() -> None:
    for gap, admitted in ((5.0, True), (5.0 - 2**-40, False), (5.0 + 2**-40, True)):
        window = RestartWindow(1, 5.0)
        assert window.admit(0.0)
        assert window.admit(gap) is admitted


@given(st.integers(1, 10_000), st.floats(0.001, 10), st.floats(0, 1), st.integers(0, 2**32))
def test_a_backoff_stays_within_its_jitter_of_the_doubled_wait_and_below_its_maximum(
    attempt: int, base_s: float, jitter: float, seed: int
) -> None:
    backoff = Backoff(base_s=base_s, max_s=60.0, jitter=jitter)
    plain = min(60.0, base_s * 2.0 ** min(attempt - 1, 32))
    delay_s = backoff.delay_s(attempt, random.Random(seed))
    assert plain * (1 - jitter) - 1e-9 <= delay_s <= plain * (1 + jitter) + 1e-9
    assert delay_s == backoff.delay_s(attempt, random.Random(seed))


def test_a_failed_start_keeps_its_reason_and_any_other_refusal_becomes_one() -> None:
    failure = StartError("x", Killed())
    assert start_error("sup/x", failure) is failure
    refused = start_error("sup/x", MaxedOut())
    assert refused.who == "sup/x"
    assert isinstance(refused.reason, Crashed)
    assert isinstance(refused.__cause__, MaxedOut)


class MaxedOut(KernelError):
    """A refusal of the kernel."""
