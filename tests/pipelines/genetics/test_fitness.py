"""Fitness is a vector with mean, variance and count; samples come from counted tokens, not from clocks."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.genetics import (
    OBJECTIVES,
    WORST,
    Fitness,
    Moments,
    Observation,
    Sample,
    Weights,
    elites,
    founder,
    measure,
    modelled_seconds,
    refer_to,
    thompson_draw,
    token_count,
    tournament,
)
from pipelines.language import build_pipeline
from tests.pipelines.genetics.some_pipelines import review

values = st.lists(st.floats(0, 1), max_size=30)


def moments(series: list[float]) -> Moments:
    result = Moments()
    for value in series:
        result = result.add(value)
    return result


@given(values)
def test_welford_gives_the_textbook_mean_and_variance(series: list[float]) -> None:
    found = moments(series)
    assert found.n == len(series)
    if series:
        assert math.isclose(found.mean, statistics.fmean(series), abs_tol=1e-9)
    if len(series) > 1:
        assert math.isclose(found.variance, statistics.variance(series), abs_tol=1e-9)


@given(values, values)
def test_merging_two_series_is_the_same_as_one_series(one: list[float], other: list[float]) -> None:
    merged, whole = moments(one).merge(moments(other)), moments(one + other)
    assert merged.n == whole.n
    assert math.isclose(merged.mean, whole.mean, abs_tol=1e-9)
    assert math.isclose(merged.variance, whole.variance, abs_tol=1e-9)


def fitness(*scalars: float) -> Fitness:
    result = Fitness()
    for value in scalars:
        result = result.add(Sample(value, value, value, value))
    return result


def test_more_agreeing_samples_make_an_estimate_more_certain() -> None:
    errors = [fitness(*[0.5] * n).estimate(Weights()).error for n in (1, 2, 8)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < errors[0]


def test_one_lucky_sample_ranks_below_many_good_ones() -> None:
    lucky = founder(review()).measured(fitness(0.61))
    steady = founder(build_pipeline({"name": "x", "steps": [{"name": "a", "type": "claude", "prompt": "x"}]}))
    steady = steady.measured(fitness(*[0.6] * 10))
    assert elites([lucky, steady], 1, Weights()) == (steady,)


def test_a_thompson_tournament_prefers_the_better_and_still_tries_the_unknown() -> None:
    known = founder(review()).measured(fitness(*[0.5] * 20))
    unknown = founder(build_pipeline({"name": "x", "steps": [{"name": "a", "type": "claude", "prompt": "x"}]}))
    unknown = unknown.measured(fitness(0.45))
    rng = random.Random(1)
    wins = sum(tournament([known, unknown], 3, Weights(), rng) is known for _ in range(300))
    assert 150 < wins < 300


def test_the_same_chance_gives_the_same_draw() -> None:
    draws = [thompson_draw(fitness(0.3, 0.5), Weights(), random.Random(9)) for _ in range(2)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize("wrong", [{"speed": -1.0}, {"speed": math.nan}, dict.fromkeys(OBJECTIVES, 0.0)])
def test_weights_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weights must be"):
        Weights(**wrong)


def answer(text: str, tokens: int) -> dict[str, object]:
    return {"text": text, "result": text, "success": True, "usage": {"input_tokens": tokens, "output_tokens": tokens}}


def observed(text: str = "rivers carry water", tokens: int = 100) -> Observation:
    results = {name: answer(text, tokens) for name in ("plan", "facts", "report")}
    results["parts"] = {"individual_results": {"a": answer(text, tokens), "b": answer(text, tokens)}, "success": True}
    return Observation("succeeded", results, {"report": text})  # pyright: ignore[reportArgumentType]


def test_the_founder_measured_against_itself_is_in_the_middle_and_of_full_quality() -> None:
    pipeline = review()
    sample = measure(pipeline, observed(), refer_to(pipeline, observed()))
    assert (sample.speed, sample.token_efficiency, sample.output_quality) == (0.5, 0.5, 1.0)
    assert 0.9 < sample.error_recovery < 1


def test_fewer_tokens_are_faster_and_more_efficient_but_lost_words_cost_quality() -> None:
    pipeline = review()
    reference = refer_to(pipeline, observed())
    short = measure(pipeline, observed("rivers", 50), reference)
    assert short.speed > 0.5 and short.token_efficiency > 0.5
    assert short.output_quality == 1 / 3


def test_a_failed_run_is_the_worst_sample() -> None:
    assert measure(review(), Observation("failed", {}, {}), refer_to(review(), observed())) == WORST


def test_a_degraded_output_does_not_count_as_an_answer() -> None:
    pipeline = review()
    seen = Observation("succeeded", {}, {"report": {"degraded": True, "text": "rivers carry water"}})
    assert measure(pipeline, seen, refer_to(pipeline, observed())).output_quality == 0


def test_time_is_modelled_along_the_longest_chain_and_tokens_count_every_call() -> None:
    pipeline = review()
    results = dict(observed().results)
    assert token_count(results) == 5 * 200
    whole = modelled_seconds(pipeline, results)
    without_a_side_branch = modelled_seconds(pipeline, {**results, "facts": None})
    assert math.isclose(whole, without_a_side_branch)
    assert modelled_seconds(pipeline, {**results, "plan": None}) < whole
