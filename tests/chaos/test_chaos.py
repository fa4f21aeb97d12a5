"""Some rounds of chaos in every run of the tests; `make chaos` plays more of them."""

from __future__ import annotations

import random

import pytest

from tests.chaos.rounds import explain, play

FRESH = random.SystemRandom().randrange(1_000_000)


@pytest.mark.parametrize("seed", range(1, 16))
def test_whatever_is_killed_every_accepted_run_ends_and_nothing_is_left_behind(seed: int) -> None:
    verdict = play(seed)
    assert not verdict.wrong, explain(verdict)


@pytest.mark.parametrize("nth", range(6))
def test_rounds_that_nobody_has_played_before_end_as_well(nth: int) -> None:
    verdict = play(FRESH + nth)
    assert not verdict.wrong, explain(verdict)


@pytest.mark.parametrize("nth", range(4))
def test_the_same_holds_with_threads_and_files_in_real_time(nth: int) -> None:
    verdict = play(FRESH + nth, real_time=True)
    assert not verdict.wrong, explain(verdict)


@pytest.mark.parametrize("seed", [5, 7])
def test_the_same_seed_makes_the_same_round_to_the_last_event(seed: int) -> None:
    assert explain(play(seed)) == explain(play(seed))


def test_another_seed_makes_another_round() -> None:
    assert play(7).trace != play(8).trace


def test_a_round_strikes_and_has_runs_that_succeed() -> None:
    verdict = play(3)
    assert verdict.did.total() > 20
    assert verdict.statuses["succeeded"] > 0
