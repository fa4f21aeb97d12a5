"""The panel: which breakers a call asks, what they learn, and what is written down."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.guardrails.breaker import BreakerPolicy, BreakerState, Verdict
from pipelines.guardrails.breaker_panel import (
    MOST_BREAKERS,
    BreakerChanged,
    BreakerOpen,
    BreakerPanel,
    KeptBreaker,
    Permits,
)
from pipelines.guardrails.breaker_rules import (
    BreakerError,
    BreakerKind,
    BreakerName,
    BreakerRules,
    CostBound,
    parse_name,
)
from pipelines.guardrails.breaker_state import BreakerStateError, parse, serialise, to_keep
from pipelines.guardrails.throughput import LONGEST_S, Throughput, TurnedAway

QUICK = BreakerPolicy(size=4, min_calls=2, failure_rate=0.5, open_s=10, half_open_calls=1)
SLOW = BreakerPolicy(size=4, min_calls=2, slow_s=5, slow_rate=1.0, open_s=10)
RULES = BreakerRules(
    provider={"": QUICK}, performance={"": SLOW}, quality=QUICK, cost=CostBound(Decimal(1), window_s=60, open_s=60)
)
BAD = {BreakerKind.PROVIDER: Verdict.BAD}
GOOD = {BreakerKind.PROVIDER: Verdict.GOOD, BreakerKind.PERFORMANCE: Verdict.GOOD}


class Node:
    def __init__(self, rules: BreakerRules = RULES) -> None:
        self.changes: list[BreakerChanged] = []
        self.wall = 1_000.0
        self.panel = BreakerPanel(rules, self.changes.append, lambda: self.wall)

    def call(
        self, model: str = "m", verdicts: dict[BreakerKind, Verdict] = BAD, now: float = 0, took_s: float = 0
    ) -> None:
        permits = self.panel.admit_call("vendor", model, now)
        assert not isinstance(permits, BreakerOpen)
        self.panel.record(permits, verdicts, now, took_s)


def refused(answer: Permits | BreakerOpen) -> BreakerOpen:
    assert isinstance(answer, BreakerOpen)
    return answer


def test_failing_calls_open_the_breaker_of_the_provider_and_of_the_model() -> None:
    node = Node()
    node.call()
    node.call()
    assert {str(change.name) for change in node.changes} == {"provider:vendor", "provider:vendor/m"}
    answer = refused(node.panel.admit_call("vendor", "other", 4.0))
    assert (str(answer.name), answer.retry_after_s) == ("provider:vendor", 6.0)
    assert not node.panel.lets_through(BreakerName(BreakerKind.PROVIDER, "vendor"), 4.0)
    assert not isinstance(node.panel.admit_call("another", "m", 4.0), BreakerOpen)


def test_one_model_that_fails_among_others_that_do_not_is_shut_off_alone() -> None:
    node = Node(BreakerRules(provider={"": BreakerPolicy(size=10, min_calls=2, failure_rate=0.6, open_s=10)}))
    for _ in range(4):
        node.call("good", GOOD)
    node.call("bad")
    node.call("bad")
    assert str(refused(node.panel.admit_call("vendor", "bad", 0.0)).name) == "provider:vendor/bad"
    assert not isinstance(node.panel.admit_call("vendor", "good", 0.0), BreakerOpen)


def test_a_provider_that_recovers_closes_its_breakers_and_every_change_is_told() -> None:
    node = Node()
    node.call()
    node.call()
    node.changes.clear()
    node.call(verdicts=GOOD, now=10.0)
    assert [(str(each.name), str(each.after)) for each in node.changes] == [
        ("provider:vendor", "half_open"),
        ("provider:vendor/m", "half_open"),
        ("provider:vendor", "closed"),
        ("provider:vendor/m", "closed"),
    ]


def test_slow_calls_open_the_performance_breaker_of_their_model() -> None:
    node = Node()
    node.call(verdicts=GOOD, took_s=6)
    node.call(verdicts=GOOD, took_s=7)
    assert [str(change.name) for change in node.changes] == ["performance:vendor/m"]


def test_a_pipeline_that_spends_more_than_its_bound_is_stopped_until_the_spending_is_old() -> None:
    node = Node()
    for usd in ("0.6", "0.3", "0.2"):
        permits = node.panel.admit_pipeline("p", 0.0)
        assert not isinstance(permits, BreakerOpen)
        node.panel.record(permits, {BreakerKind.COST: node.panel.spend("p", Decimal(usd), 0.0)}, 0.0)
    assert str(refused(node.panel.admit_pipeline("p", 1.0)).name) == "cost:p"
    assert not isinstance(node.panel.admit_pipeline("another", 1.0), BreakerOpen)
    permits = node.panel.admit_pipeline("p", 61.0)
    assert not isinstance(permits, BreakerOpen)
    node.panel.record(permits, {BreakerKind.COST: node.panel.spend("p", Decimal("0.1"), 61.0)}, 61.0)
    assert not isinstance(node.panel.admit_pipeline("p", 62.0), BreakerOpen)


def test_a_cost_breaker_that_a_person_resets_counts_from_nothing() -> None:
    node = Node()

    def pay(usd: str) -> None:
        permits = node.panel.admit_pipeline("p", 0.0)
        assert not isinstance(permits, BreakerOpen)
        node.panel.record(permits, {BreakerKind.COST: node.panel.spend("p", Decimal(usd), 0.0)}, 0.0)

    pay("1.1")
    refused(node.panel.admit_pipeline("p", 1.0))
    node.panel.force(parse_name("cost:p"), "reset", "ann", "it was a test", 0.0)
    pay("0.9")
    pay("0.1")
    pay("0.1")
    assert str(refused(node.panel.admit_pipeline("p", 1.0)).name) == "cost:p"


def test_a_refusal_by_one_breaker_gives_the_places_of_the_others_back() -> None:
    node = Node(BreakerRules(provider={"": QUICK}, performance={"": SLOW}))
    node.call()
    node.call()
    node.panel.force(parse_name("performance:vendor/m"), "open", "ann", "test", 0.0)
    refused(node.panel.admit_call("vendor", "m", 10.0))
    node.panel.force(parse_name("performance:vendor/m"), "reset", "ann", "test", 0.0)
    # The one trial call of half-open is still there to be had.
    node.call(verdicts=GOOD, now=10.0)


def test_a_persons_order_holds_until_reset_and_says_who_and_why() -> None:
    node = Node()
    name = parse_name("provider:vendor")
    node.panel.force(name, "open", "ann", "the vendor asked us to", 0.0)
    answer = refused(node.panel.admit_call("vendor", "m", 1e9))
    assert (answer.retry_after_s, answer.why) == (None, "the vendor asked us to")
    node.panel.force(name, "close", "ann", "done", 0.0)
    node.call()
    node.call()
    node.call("x")
    states = {str(entry.name): entry.breaker.state for entry in node.panel.entries}
    assert states["provider:vendor"] is BreakerState.FORCED_CLOSED
    assert [(each.who, each.why) for each in node.changes[:2]] == [("ann", "the vendor asked us to"), ("ann", "done")]


@pytest.mark.parametrize("name", ["", "vendor", "power:vendor", "provider:", "cost:" + "x" * 400])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BreakerError, match="names no breaker; expected KIND:SUBJECT"):
        parse_name(name)


def test_an_order_that_is_none_or_for_a_kind_that_is_off_is_refused() -> None:
    panel = Node(BreakerRules(provider={"": QUICK})).panel
    with pytest.raises(BreakerError, match="expected open, close or reset"):
        panel.force(parse_name("provider:vendor"), "explode", "ann", "", 0.0)
    with pytest.raises(BreakerError, match="its kind is off"):
        panel.force(parse_name("quality:p"), "open", "ann", "", 0.0)


def test_an_open_breaker_is_open_for_the_rest_of_its_time_after_a_restart() -> None:
    first = Node()
    first.call()
    first.call()
    first.panel.force(parse_name("quality:p"), "open", "ann", "no good", 0.0)
    text = serialise(to_keep(first.panel))
    second = Node()
    second.wall = 1_007.0
    for each in parse(text):
        second.panel.restore(each, 500.0)
    assert refused(second.panel.admit_call("vendor", "m", 500.0)).retry_after_s == pytest.approx(3.0)
    assert refused(second.panel.admit_pipeline("p", 1e6)).state is BreakerState.FORCED_OPEN
    assert not isinstance(second.panel.admit_call("vendor", "m", 503.5), BreakerOpen)


def test_a_wall_clock_that_was_set_back_prolongs_nothing() -> None:
    node = Node()
    node.wall = 0.0
    kept = KeptBreaker(parse_name("provider:vendor"), BreakerState.OPEN, 1e9, "", "")
    node.panel.restore(kept, 0.0)
    assert refused(node.panel.admit_call("vendor", "m", 0.0)).retry_after_s == 10.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 2, "breakers": []}',
        '{"version": 1}',
        '{"version": 1, "breakers": [1]}',
        '{"version": 1, "breakers": [{"name": "x", "state": "open", "since": 1, "who": "", "why": ""}]}',
        '{"version": 1, "breakers": [{"name": "cost:p", "state": "ajar", "since": 1, "who": "", "why": ""}]}',
        '{"version": 1, "breakers": [{"name": "cost:p", "state": "open", "since": NaN, "who": "", "why": ""}]}',
        "[" * 100_000,
    ],
)
def test_a_damaged_state_is_told_from_an_empty_one(text: str) -> None:
    with pytest.raises(BreakerStateError):
        parse(text)


def test_any_number_of_names_is_bounded_and_an_open_one_is_never_forgotten() -> None:
    node = Node()
    node.panel.force(parse_name("provider:vendor"), "open", "ann", "test", 0.0)
    for number in range(2 * MOST_BREAKERS):
        node.panel.admit_pipeline(f"p{number}", 0.0)
    assert len(node.panel.entries) <= MOST_BREAKERS
    refused(node.panel.admit_call("vendor", "m", 0.0))


def test_a_breaker_that_calls_ask_is_the_one_that_people_see_and_set_however_many_names_there_are() -> None:
    node = Node()
    node.panel.admit_call("vendor", "m", 0.0)  # three: a pipeline's two then stand on both sides of the limit
    for number in range(MOST_BREAKERS):
        node.panel.admit_pipeline(f"p{number}", 0.0)
        node.panel.force(parse_name(f"cost:p{number}"), "open", "ann", "test", 0.0)
        assert isinstance(node.panel.admit_pipeline(f"p{number}", 0.0), BreakerOpen)
        node.panel.force(parse_name(f"cost:p{number}"), "reset", "ann", "test", 0.0)


@given(ends=st.lists(st.floats(0.001, 10), min_size=2, max_size=100), before=st.integers(0, 10_000))
def test_the_wait_is_bounded_and_grows_with_those_who_are_before(ends: list[float], before: int) -> None:
    speed, now = Throughput(), 0.0
    for pause in ends:
        now += pause
        speed.ended(now)
    assert 1.0 <= speed.wait_s(before, now) <= speed.wait_s(before + 1, now) <= LONGEST_S


def test_the_wait_comes_from_how_fast_it_goes() -> None:
    speed = Throughput()
    for number in range(11):
        speed.ended(number * 2.0)
    assert speed.wait_s(4, 20.0) == pytest.approx(10.0)
    outside = TurnedAway(10.0)
    assert [outside.add(at) for at in (0.0, 1.0, 2.0, 11.5)] == [0, 1, 2, 1]
