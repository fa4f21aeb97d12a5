"""Ten kills in every run of the tests; `make crash` makes it 500."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.crash.campaign import play
from tests.crash.ledger import Booked, misbooked, not_paid_for, over_the_limit
from tests.crash.load import SOURCES, Order
from tests.crash.node import OnDisk
from tests.crash.provider import Made
from tests.crash.verdict import Judge

pytestmark = pytest.mark.daemon
KILLS = 10


# httpcore leaves the socket open of a connection that cannot be made, as while a node is dead.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.timeout(180)
def test_a_node_killed_ten_times_loses_nothing_and_repeats_nothing_recorded() -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    verdict = play(seed, KILLS)
    assert verdict.wrong == [], f"seed {seed}"
    assert verdict.kills == KILLS
    assert verdict.runs >= KILLS  # it was under load, and not only started and killed
    assert verdict.calls > verdict.runs
    assert verdict.charges > verdict.runs
    assert verdict.submitted_again > 0


LINE = Order(0, "line")
TOKENS = (10, 20)
# 10 tokens in at 2 dollars and 20 out at 10 dollars a million, as the model cost on that day.
PICO_USD = 220_000_000
DAY = "2026-07-01"
AT = datetime.fromisoformat(DAY).replace(tzinfo=UTC).timestamp()


def row(call: Made, pipeline: str = "line") -> Booked:
    """The ledger's row of a call."""
    return Booked(call.key, "msg", DAY, AT, pipeline, "claude-sonnet-5", sum(TOKENS), PICO_USD)


def call(mark: str, key: str, life: int) -> Made:
    return Made(mark, key, life, TOKENS)


def judged(made: list[Made], recorded: set[str], **end: object) -> list[str]:
    """What a campaign finds wrong with one run whose node was killed once."""
    judge = Judge(seed=0)
    judge.accept(LINE, "run-0")
    judge.survived(OnDisk({}, {}, frozenset(recorded)))
    outcome = {"status": "succeeded", "results": {"end": LINE.end}, **end}
    steps = {("run-0", step): 1 for step in ("a", "b", "end")}
    disk = OnDisk(
        steps, {"run-0": (LINE.key, "succeeded")}, booked=tuple({call.key: row(call) for call in made}.values())
    )
    return judge.judge({LINE: outcome}, disk, made).wrong


A, B = "call-0-a", "call-0-b"


def test_a_call_in_flight_at_a_kill_may_be_made_again_under_its_key() -> None:
    assert judged([call(A, "k:a", 0), call(A, "k:a", 1), call(B, "k:b", 1)], recorded=set()) == []


@pytest.mark.parametrize(
    ("made", "recorded", "said"),
    [
        ([call(A, "k:a", 0), call(A, "k:a", 1), call(B, "k:b", 1)], {A}, "made again in life 1"),
        ([call(A, "k:a", 0), call(A, "k:other", 1), call(B, "k:b", 1)], set[str](), "under two keys"),
        ([call(A, "k:a", 0), call(A, "k:a", 0), call(B, "k:b", 1)], set[str](), "made twice in one life"),
        ([call(A, "k", 0), call(B, "k", 1)], set[str](), "two calls had one idempotency key"),
        ([call(A, "k:a", 0)], set[str](), "missing"),
        ([call(A, "", 0), call(B, "k:b", 0)], set[str](), "no idempotency key"),
    ],
    ids=["recorded", "two keys", "one life", "shared key", "missing", "no key"],
)
def test_the_verdict_says_what_did_not_hold(made: list[Made], recorded: set[str], said: str) -> None:
    assert any(said in sentence for sentence in judged(made, recorded))


def test_a_wrong_output_is_said() -> None:
    assert any("ended" in said for said in judged([call(A, "k:a", 0), call(B, "k:b", 0)], set(), results={"end": "x"}))


def test_every_shape_marks_its_calls_apart() -> None:
    marks = [mark for number, shape in enumerate(SOURCES) for mark in Order(number, shape).calls]
    assert len(marks) == len(set(marks))


PAID = row(call(A, "k:a", 0))


@pytest.mark.parametrize(
    ("booked", "said"),
    [
        ([PAID, PAID], "booked 2 times"),
        ([], "never booked"),
        ([PAID, replace(PAID, key="k:b")], "nobody made that call"),
        ([replace(PAID, tokens=31)], "is booked as 31 tokens"),
        ([replace(PAID, pico_usd=1)], "is booked as 30 tokens, 1 and not"),
        ([replace(PAID, pico_usd=None)], "is booked as 30 tokens, None and not"),
    ],
    ids=["twice", "never", "for nothing", "tokens", "price", "no price"],
)
def test_the_verdict_on_the_money_says_what_did_not_hold(booked: list[Booked], said: str) -> None:
    (sentence,) = misbooked(booked, [call(A, "k:a", 0), call(A, "k:a", 1)])
    assert said in sentence


def test_a_call_whose_run_was_refused_its_repetition_may_be_unpaid_and_is_never_paid_twice() -> None:
    assert list(misbooked([], [call(A, "k:a", 0)], unsettled={A})) == []
    assert len(list(misbooked([PAID, PAID], [call(A, "k:a", 0)], unsettled={A}))) == 1


def test_an_answer_that_a_run_relies_on_is_paid_for_before() -> None:
    made = [call(A, "k:a", 0), call(B, "k:b", 0)]
    assert list(not_paid_for([PAID], {A}, made)) == []
    assert list(not_paid_for([PAID], {A, B}, made)) == [f"{B} is recorded, and nobody has paid for it"]


def test_more_than_the_limit_is_said_and_each_day_has_the_whole_of_it() -> None:
    spent = [row(call("", str(number), 0), "bound") for number in range(3)]
    assert list(over_the_limit(spent, 90)) == []
    assert list(over_the_limit(spent, 89)) == ["pipeline/bound has spent 90 tokens of 89"]
    assert list(over_the_limit([*spent, replace(spent[0], day="2026-07-02")], 90)) == []


def test_a_question_that_is_asked_again_after_its_answer_is_said() -> None:
    judge = Judge(seed=0)
    judge.asked("run-0/may")
    judge.answered.add("run-0/may")
    judge.asked("run-0/may")
    assert judge.verdict.wrong == ["run-0/may is asked again, though it was answered"]
