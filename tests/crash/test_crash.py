"""Ten kills in every run of the tests; `make crash` makes it 500."""

from __future__ import annotations

import random

import pytest

from tests.crash.campaign import Campaign, play
from tests.crash.load import SOURCES, Order
from tests.crash.node import OnDisk
from tests.crash.provider import Made

pytestmark = pytest.mark.daemon
KILLS = 10


@pytest.mark.timeout(180)
def test_a_node_killed_ten_times_loses_nothing_and_repeats_nothing_recorded() -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    verdict = play(seed, KILLS)
    assert verdict.wrong == [], f"seed {seed}"
    assert verdict.kills == KILLS
    assert verdict.runs >= KILLS  # it was under load, and not only started and killed
    assert verdict.calls > verdict.runs


LINE = Order(0, "line")


def judged(made: list[Made], recorded: set[str], **end: object) -> list[str]:
    """What a campaign finds wrong with one run whose node was killed once."""
    campaign = Campaign(seed=0, kills=0)
    campaign.accept(LINE, "run-0")
    campaign.survived(recorded)
    outcome = {"status": "succeeded", "results": {"end": LINE.end}, **end}
    disk = OnDisk({("run-0", step): 1 for step in ("a", "b", "end")}, {"run-0": (LINE.key, "succeeded")})
    return campaign.judge({LINE: outcome}, disk, made).wrong


A, B = "call-0-a", "call-0-b"


def test_a_call_in_flight_at_a_kill_may_be_made_again_under_its_key() -> None:
    assert judged([Made(A, "k:a", 0), Made(A, "k:a", 1), Made(B, "k:b", 1)], recorded=set()) == []


@pytest.mark.parametrize(
    ("made", "recorded", "said"),
    [
        ([Made(A, "k:a", 0), Made(A, "k:a", 1), Made(B, "k:b", 1)], {A}, "made again in life 1"),
        ([Made(A, "k:a", 0), Made(A, "k:other", 1), Made(B, "k:b", 1)], set[str](), "under two keys"),
        ([Made(A, "k:a", 0), Made(A, "k:a", 0), Made(B, "k:b", 1)], set[str](), "made twice in one life"),
        ([Made(A, "k", 0), Made(B, "k", 1)], set[str](), "two calls had one idempotency key"),
        ([Made(A, "k:a", 0)], set[str](), "missing"),
        ([Made(A, "", 0), Made(B, "k:b", 0)], set[str](), "no idempotency key"),
    ],
    ids=["recorded", "two keys", "one life", "shared key", "missing", "no key"],
)
def test_the_verdict_says_what_did_not_hold(made: list[Made], recorded: set[str], said: str) -> None:
    assert any(said in sentence for sentence in judged(made, recorded))


def test_a_wrong_output_is_said() -> None:
    assert any("ended" in said for said in judged([Made(A, "k:a", 0), Made(B, "k:b", 0)], set(), results={"end": "x"}))


def test_every_shape_marks_its_calls_apart() -> None:
    marks = [mark for number, shape in enumerate(SOURCES) for mark in Order(number, shape).calls]
    assert len(marks) == len(set(marks))
