"""The fair queue: rounds, whoever has how much to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.guardrails.fair_queue import MOST_COST, FairQueue

PATHS = st.tuples(st.sampled_from("ab"), st.sampled_from("mn"), st.sampled_from("xyz"))


def test_one_call_among_ten_thousand_of_another_run_waits_for_one_of_them_at_most() -> None:
    queue: FairQueue[str] = FairQueue(3)
    for number in range(10_000):
        queue.push(("me", "model", "big"), f"big {number}")
    for _ in range(100):
        queue.pop()
    queue.push(("me", "model", "small"), "small")
    assert "small" in [queue.pop() for _ in range(2)]


def test_a_tenant_with_many_runs_gets_no_more_than_one_with_a_single_run() -> None:
    queue: FairQueue[str] = FairQueue(3)
    for number in range(300):
        queue.push(("many", "model", f"run {number % 30}"), "many")
        queue.push(("one", "model", "run"), "one")
    served = Counter(queue.pop() for _ in range(200))
    assert served == {"many": 100, "one": 100}


def test_who_has_large_calls_gets_as_much_in_all_as_who_has_small_ones() -> None:
    queue: FairQueue[float] = FairQueue(1)
    for _ in range(1_000):
        queue.push(("large",), 4.0, cost=4.0)
        queue.push(("small",), 1.0, cost=1.0)
    served = [queue.pop() for _ in range(500)]
    assert abs(4 * served.count(4.0) - served.count(1.0)) <= 2 * MOST_COST


@given(pushed=st.lists(st.tuples(PATHS, st.floats(0, 20)), max_size=80))
def test_everything_comes_out_once_and_each_run_in_its_own_order(
    pushed: list[tuple[tuple[str, str, str], float]],
) -> None:
    queue: FairQueue[tuple[int, tuple[str, str, str]]] = FairQueue(3)
    for number, (path, cost) in enumerate(pushed):
        queue.push(path, (number, path), cost)
    assert sorted(each[0] for each in queue) == list(range(len(pushed)))
    served = [queue.pop() for _ in pushed]
    assert queue.pop() is None
    assert len(queue) == 0
    for path in {path for path, _ in pushed}:
        own = [each[0] for each in served if each is not None and each[1] == path]
        assert own == sorted(own)
    assert len({each[0] for each in served if each is not None}) == len(pushed)


@given(pushed=st.lists(PATHS, min_size=1, max_size=60), barred=st.sampled_from(["a", "b"]))
def test_those_that_are_not_ready_are_passed_over_and_stay(pushed: list[tuple[str, str, str]], barred: str) -> None:
    queue: FairQueue[tuple[str, str, str]] = FairQueue(3)
    for path in pushed:
        queue.push(path, path)

    def ready(path: Sequence[Hashable]) -> bool:
        return path[0] != barred

    served = list[tuple[str, str, str]]()
    while (item := queue.pop(ready)) is not None:
        served.append(item)
    assert sorted(served) == sorted(path for path in pushed if path[0] != barred)
    assert sorted(queue) == sorted(path for path in pushed if path[0] == barred)


@given(flows=st.integers(2, 6), served_before=st.integers(0, 30), data=st.data())
def test_between_two_turns_of_a_flow_every_other_has_one(flows: int, served_before: int, data: st.DataObject) -> None:
    queue: FairQueue[int] = FairQueue(1)
    for flow in range(flows):
        for _ in range(20 + data.draw(st.integers(0, 20))):
            queue.push((flow,), flow)
    rounds = [queue.pop() for _ in range(min(served_before, 10) * flows)]
    for begin in range(0, len(rounds), flows):
        assert sorted(x for x in rounds[begin : begin + flows] if x is not None) == list(range(flows))


def test_an_item_can_be_taken_out_of_the_middle() -> None:
    queue: FairQueue[str] = FairQueue(2)
    first, second = "first item", "second item"
    queue.push(("a", "x"), first)
    queue.push(("a", "x"), second)
    assert queue.remove(("a", "x"), first)
    assert not queue.remove(("a", "x"), first)
    assert not queue.remove(("b", "x"), first)
    assert queue.pop() == second
    queue.push(("a", "x"), first)
    assert queue.remove(("a", "x"), first)
    assert len(queue) == 0
    assert queue.pop() is None


def test_a_path_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="has 2 names, not 1"):
        FairQueue[str](2).push(("a",), "x")
    with pytest.raises(ValueError, match="at least one level"):
        FairQueue[str](0)
