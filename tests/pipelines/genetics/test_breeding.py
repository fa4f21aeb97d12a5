"""A generation is planned within its budget, the same for the same seed, without breeding anybody twice."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.genetics import (
    Fitness,
    Genome,
    Habits,
    Materials,
    Sample,
    founder,
    plan_generation,
    random_of,
    rerouted,
    survivors,
)
from pipelines.language import build_pipeline
from tests.pipelines.genetics.some_pipelines import review


def measured(genome: Genome, value: float, runs: int = 2) -> Genome:
    fitness = Fitness()
    for _ in range(runs):
        fitness = fitness.add(Sample(value, value, value, value))
    return genome.measured(fitness)


def test_a_plan_spends_at_most_its_requests() -> None:
    start = measured(founder(review()), 0.5)
    for requests in range(1, 40):
        plan = plan_generation(1, [start], Habits(population=6), requests, random_of(1, 1), materials=Materials())
        assert 0 < plan.requests <= requests
        assert len(plan.children) <= 5


def test_children_are_new_and_each_is_measured_twice() -> None:
    start = measured(founder(review()), 0.5)
    plan = plan_generation(1, [start], Habits(population=6), 20, random_of(1, 1), materials=Materials())
    ids = [child.id for child in plan.children]
    assert len(set(ids)) == len(ids) == 5 and start.id not in ids
    assert all(child.generation == 1 for child in plan.children)
    assert [each.runs for each in plan.measurements[:5]] == [2] * 5


def test_genomes_that_were_culled_are_not_bred_again() -> None:
    start = measured(founder(review()), 0.5)
    first = plan_generation(1, [start], Habits(), 20, random_of(1, 1), materials=Materials())
    known = frozenset(child.id for child in first.children)
    again = plan_generation(1, [start], Habits(), 20, random_of(1, 1), materials=Materials(), known=known)
    assert not known & {child.id for child in again.children}


def test_the_same_seed_plans_the_same_generation_and_another_seed_another() -> None:
    start = measured(founder(review()), 0.5)

    def ids(seed: int) -> list[str]:
        plan = plan_generation(1, [start], Habits(), 20, random_of(seed, 1), materials=Materials())
        return [child.id for child in plan.children]

    assert ids(1) == ids(1) != ids(2)


def test_survivors_are_the_best_and_at_most_the_population() -> None:
    start = measured(founder(review()), 0.5)
    plan = plan_generation(1, [start], Habits(population=4), 30, random_of(1, 1), materials=Materials())
    scored = [measured(child, 0.6 + index / 100) for index, child in enumerate(plan.children)]
    kept = survivors([start, *scored], Habits(population=3))
    assert [genome.id for genome in kept] == [genome.id for genome in reversed(scored)][:3]


@pytest.mark.parametrize("wrong", [{"population": 1}, {"elite": 0}, {"elite": 8}, {"mutation_rate": 1.5}])
def test_habits_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"population|rates"):
        Habits(**wrong)  # pyright: ignore[reportArgumentType]


def test_rerouting_reaches_loops_nested_pipelines_and_parallel_tasks() -> None:
    inner: dict[str, Any] = {"name": "deep", "type": "claude", "provider": "anthropic", "prompt": "x"}
    looped: dict[str, Any] = {"name": "c", "type": "claude", "prompt": "x"}
    steps: list[dict[str, Any]] = [
        {"name": "a", "type": "gemini", "model": "gemini-x", "prompt": "x"},
        {"name": "b", "type": "for_loop", "data_source": [1], "steps": [looped]},
        {"name": "d", "type": "pipeline", "pipeline": {"name": "n", "steps": [inner]}},
        {"name": "e", "type": "parallel_claude", "parallel_tasks": [{"id": "t", "prompt": "x", "model": "m"}]},
    ]
    data: dict[str, Any] = {"name": "x", "steps": steps}
    pipeline = build_pipeline(data)
    forced = rerouted(pipeline, {"claude": "offline", "gemini": "offline"})
    text = forced.model_dump_json()
    assert text.count('"provider":"offline"') == 4
    assert "anthropic" not in text and "gemini-x" not in text and '"model":"m"' not in text
    assert rerouted(pipeline, {}) is pipeline


def test_a_genome_shows_the_missions_chromosomes_and_traits() -> None:
    genome = founder(review())
    assert genome.chromosomes.step_sequences[0] == ("plan", "gemini")
    assert set(genome.chromosomes.prompt_patterns) == {"plan", "facts", "parts:a", "parts:b", "report"}
    assert genome.chromosomes.provider_mappings == {"plan": "", "facts": "", "parts": "", "report": ""}
    assert genome.traits.performance_profile == "parallel"
    assert genome.traits.error_handling_strategy == "retry"
