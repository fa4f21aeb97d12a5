"""Which results hold when a run is run again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.execution import ReplayRefusedError, no_longer_held, take_over
from pipelines.language import Pipeline, load_pipeline


def pipeline(text: str) -> Pipeline:
    return load_pipeline(f"name: p\n{text}")


DIAMOND = """\
steps:
  - {name: a, type: test_echo, value: 1}
  - {name: b, type: test_echo, value: "{{ steps.a }}"}
  - {name: c, type: test_echo, value: "{{ steps.a }}"}
  - {name: d, type: test_echo, value: "{{ steps.b }}{{ steps.c }}"}
finally:
  - {name: tidy, type: test_echo, value: 1}
"""
ALL: Mapping[str, str] = dict.fromkeys("abcd", "succeeded") | {"tidy": "succeeded", "/@ending": "kept"}


def test_a_step_and_all_that_depends_on_it_run_anew_and_the_rest_is_taken() -> None:
    plan = take_over(pipeline(DIAMOND), pipeline(DIAMOND), ALL, "b")
    assert plan.taken == ("a", "c")
    assert plan.records == ("a", "c")
    assert plan.anew == {"b": "it was asked for", "d": "it depends on 'b'"}


def test_a_changed_step_runs_anew_with_its_dependents_and_a_new_one_does() -> None:
    other = DIAMOND.replace('c, type: test_echo, value: "', 'c, type: test_echo, value: "x').replace(
        "finally:", "  - {name: e, type: test_echo, value: 1}\nfinally:"
    )
    plan = take_over(pipeline(DIAMOND), pipeline(other), ALL)
    assert plan.anew == {"c": "its definition has changed", "d": "it depends on 'c'", "e": "it is new"}


def test_what_every_step_can_see_makes_everything_anew_and_a_description_nothing() -> None:
    other = pipeline(f"variables: {{x: 1}}\n{DIAMOND}")
    assert set(take_over(pipeline(DIAMOND), other, ALL).anew) == set("abcd")
    with pytest.raises(ReplayRefusedError, match="nothing would run anew"):
        take_over(pipeline(DIAMOND), pipeline(f"description: better\n{DIAMOND}"), ALL)


def test_results_inside_of_a_composite_step_go_with_it() -> None:
    looping = """\
steps:
  - {name: a, type: test_echo, value: 1}
  - name: ab
    type: for_loop
    data_source: "{{ [1] }}"
    iterator: n
    steps: [{name: x, type: test_echo, value: "{{ loop.n }}"}]
"""
    recorded = {"a": "succeeded", "ab[0]/x": "succeeded", "ab": "succeeded", "ab/@opened": "kept"}
    assert take_over(pipeline(looping), pipeline(looping), recorded, "a").records == ("ab[0]/x", "ab", "ab/@opened")
    assert take_over(pipeline(looping), pipeline(looping), recorded, "ab").records == ("a",)


LOOPING = """\
steps:
  - {name: a, type: test_echo, value: 1}
  - name: each
    type: for_loop
    depends_on: [a]
    data_source: "{{ [1, 2, 3] }}"
    iterator: n
    steps:
      - {name: x, type: test_echo, value: "{{ loop.n }}"}
      - {name: y, type: test_echo, value: "{{ steps.x }}"}
  - {name: z, type: test_echo, value: "{{ steps.each }}"}
"""
PASSES = ("each[0]/x", "each[0]/y", "each[1]/x", "each[1]/y", "each[2]/x", "each[2]/y")
LOOPED: Mapping[str, str] = dict.fromkeys(("a", "each/@opened", "each/@definition", *PASSES, "each", "z"), "succeeded")


def test_from_an_inner_step_on_what_was_recorded_before_it_in_the_same_outer_step_stays() -> None:
    plan = take_over(pipeline(LOOPING), pipeline(LOOPING), LOOPED, "each[1]/y")
    assert plan.within == ("each/@definition", "each[0]/x", "each[0]/y", "each[1]/x")
    assert plan.records == ("a", *plan.within)
    assert plan.anew == {"each": "'each[1]/y' in it was asked for", "z": "it depends on 'each'"}


def test_an_inner_step_that_consists_of_steps_runs_anew_as_a_whole() -> None:
    recorded: dict[str, str] = dict.fromkeys(("a", "each[0]/s[0]/x", "each[0]/s", "each[0]/s2", "each"), "succeeded")
    assert take_over(pipeline(LOOPING), pipeline(LOOPING), recorded, "each[0]/s").within == ()
    assert take_over(pipeline(LOOPING), pipeline(LOOPING), recorded, "each[0]/s2").within == (
        "each[0]/s[0]/x", "each[0]/s",
    )  # fmt: skip


def test_behind_a_failure_inside_nothing_stays() -> None:
    recorded = {**LOOPED, "each[0]/y": "failed"}
    assert take_over(pipeline(LOOPING), pipeline(LOOPING), recorded, "each[2]/x").within == (
        "each/@definition", "each[0]/x",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("was", "now"), [("loop.n }}", "loop.n }}!"), ("a, type: test_echo, value: 1", "a, type: test_echo, value: 2")]
)
def test_of_an_outer_step_that_runs_anew_for_another_reason_nothing_stays(was: str, now: str) -> None:
    plan = take_over(pipeline(LOOPING), pipeline(LOOPING.replace(was, now)), LOOPED, "each[2]/x")
    assert plan.within == ()
    assert not [path for path in plan.records if path.startswith("each")]


def test_an_inner_step_that_has_no_record_is_refused_with_those_that_have_and_the_outer_step() -> None:
    with pytest.raises(ReplayRefusedError, match=r"each\[2\]/y.*--from each\)"):
        take_over(pipeline(LOOPING), pipeline(LOOPING), LOOPED, "each[7]/x")


def test_a_failed_run_goes_on_without_its_failures_its_ending_and_its_finally_steps() -> None:
    recorded = {**ALL, "d": "failed", "d/@answered": "kept", "/@former[1]/d": "failed"}
    dropped = no_longer_held(pipeline(DIAMOND), pipeline(DIAMOND), recorded)
    assert set(dropped) == {"d", "d/@answered", "tidy", "/@ending"}


def test_a_composite_that_failed_keeps_what_its_inner_steps_have_made() -> None:
    looping = pipeline(
        """\
steps:
  - name: each
    type: for_loop
    data_source: "{{ [1, 2] }}"
    iterator: n
    steps: [{name: say, type: test_echo, value: "{{ loop.n }}"}]
"""
    )
    recorded = {"each[0]/say": "succeeded", "each[1]/say": "failed", "each[1]/say/@wait": "kept", "each": "failed"}
    assert set(no_longer_held(looping, looping, recorded)) == {"each[1]/say", "each[1]/say/@wait", "each"}


def test_what_depends_on_a_failure_that_was_let_pass_does_not_hold_either() -> None:
    recorded = {**ALL, "b": "failed"}
    assert {"b", "d"} <= set(no_longer_held(pipeline(DIAMOND), pipeline(DIAMOND), recorded))


@given(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["succeeded", "failed", "skipped", "continued"])))
def test_nothing_is_taken_over_that_stands_on_something_that_runs_anew(recorded: dict[str, str]) -> None:
    whole = pipeline(DIAMOND)
    try:
        plan = take_over(whole, whole, recorded)
    except ReplayRefusedError:
        assert set(recorded) == set("abcd")
        assert "failed" not in recorded.values()
        return
    for name in plan.taken:
        assert recorded[name] != "failed"
        assert not whole.dependency_graph[name] & set(plan.anew)
    assert set(plan.taken) | set(plan.anew) == set("abcd")
