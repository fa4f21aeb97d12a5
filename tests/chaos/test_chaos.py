"""Some rounds of chaos in every run of the tests; `make chaos` plays more of them."""

from __future__ import annotations

import random

import pytest

from tests.chaos.rounds import explain, play

FRESH = random.SystemRandom().randrange(1_000_000)


@pytest.mark.parametrize("seed", [*range(1, 16), *range(FRESH, FRESH + 10)])
def test_whatever_is_killed_every_accepted_run_ends_and_nothing_is_left_behind(seed: int) -> None:
    verdict = play(seed)
    assert not verdict.wrong, explain(verdict)


def test_the_same_seed_in_virtual_time_makes_the_same_round() -> None:
    assert explain(play(7)) == explain(play(7))


def test_a_round_strikes_and_has_runs_that_succeed() -> None:
    verdict = play(3)
    assert verdict.did.total() > 20
    assert verdict.statuses["succeeded"] > 0
