"""When the node's threads share a core, by samples like those that `bench/durable` gives."""

from __future__ import annotations

import pytest

from actors.host.placement import FIRST_PAUSE_S, LONGEST_PAUSE_S, Placement, Sample


def sample(loop: float, *, others: float = 0.0, delayed: float = 0.0, switches_per_s: int = 0) -> Sample:
    """A quarter of a second of the loop's thread, in shares of that time."""
    return Sample(0.25, loop * 0.25, (loop + others) * 0.25, delayed * 0.25, int(switches_per_s * 0.25))


ONE_CLIENT = sample(0.65, others=0.26, delayed=0.27, switches_per_s=17_800)
ONE_CLIENT_APART = sample(0.58, others=0.25, switches_per_s=3_900)
FIFTY = sample(0.86, others=0.12, delayed=0.11, switches_per_s=700)
FIFTY_APART = sample(0.85, others=0.16, switches_per_s=280)
IDLE = sample(0.01, switches_per_s=40)
BESIDE_A_NEIGHBOUR = sample(0.4, others=0.1, delayed=0.5, switches_per_s=4_000)
BESIDE_A_VACUUM = sample(0.3, others=0.7, delayed=0.3, switches_per_s=500)


def after(placement: Placement, *samples: Sample) -> bool:
    return [placement.decide(each) for each in samples][-1]


def test_little_work_in_small_portions_shares_a_core() -> None:
    assert after(Placement(), ONE_CLIENT, ONE_CLIENT, IDLE, ONE_CLIENT)


def test_a_loop_that_hardly_sleeps_gets_a_core_of_its_own_until_it_has_time_again() -> None:
    placement = Placement()
    assert not after(placement, ONE_CLIENT, FIFTY)
    assert not after(placement, FIFTY_APART, FIFTY_APART)
    assert after(placement, IDLE)


def test_a_busy_loop_that_waits_for_every_commit_shares_again() -> None:
    placement = Placement()
    assert not after(placement, FIFTY)
    assert after(placement, ONE_CLIENT_APART)


@pytest.mark.parametrize("disputed", [BESIDE_A_NEIGHBOUR, BESIDE_A_VACUUM], ids=["a neighbour", "long work of its own"])
def test_a_core_that_others_want_is_left_at_once_and_for_a_while(disputed: Sample) -> None:
    placement = Placement()
    assert not after(placement, disputed)
    for _ in range(int(FIRST_PAUSE_S / 0.25)):
        assert not placement.decide(IDLE)
    assert placement.decide(IDLE)


def test_a_core_that_is_wanted_again_and_again_is_tried_ever_more_rarely_down_to_once_a_minute() -> None:
    placement, pauses = Placement(), list[float]()
    for _ in range(9):
        assert not placement.decide(BESIDE_A_NEIGHBOUR)
        waited = 0.0
        while not placement.decide(IDLE):
            waited += 0.25
        pauses.append(waited)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_core_that_was_kept_for_a_minute_makes_good_for_the_disputes_before() -> None:
    placement = Placement()
    for _ in range(3):
        placement.decide(BESIDE_A_NEIGHBOUR)
        while not placement.decide(IDLE):
            pass
    for _ in range(int(LONGEST_PAUSE_S / 0.25)):
        assert placement.decide(IDLE)
    assert not placement.decide(BESIDE_A_NEIGHBOUR)
    for _ in range(int(FIRST_PAUSE_S / 0.25)):
        assert not placement.decide(IDLE)
    assert placement.decide(IDLE)


def test_only_a_minute_without_a_break_makes_good() -> None:
    placement = Placement()
    placement.decide(BESIDE_A_NEIGHBOUR)
    while not placement.decide(IDLE):
        pass
    for _ in range(2):
        for _ in range(int(LONGEST_PAUSE_S / 0.25) - 10):
            assert placement.decide(IDLE)
        assert not placement.decide(FIFTY)
        assert placement.decide(IDLE)
    assert not placement.decide(BESIDE_A_NEIGHBOUR)
    for _ in range(int(2 * FIRST_PAUSE_S / 0.25)):
        assert not placement.decide(IDLE)
    assert placement.decide(IDLE)


def test_the_time_in_which_the_nodes_own_threads_had_the_core_is_no_dispute() -> None:
    assert after(Placement(), sample(0.5, others=0.45, delayed=0.5, switches_per_s=10_000))
    assert not after(Placement(), sample(0.5, others=0.1, delayed=0.5, switches_per_s=10_000))
