"""The five mutations and crossover: always valid, always the same for the same chance, never a broken contract."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.genetics import OPERATORS, Genome, Materials, crossover, founder
from pipelines.language import Pipeline, load_pipeline, prompt_files, references, to_yaml
from tests.pipelines.genetics.some_pipelines import pipelines, review

RELAXED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**32)


def holds_the_contract(child: Pipeline, parent: Pipeline) -> None:
    assert load_pipeline(to_yaml(child)).content_hash == child.content_hash
    assert set(child.required_inputs) <= set(parent.required_inputs)
    assert child.outputs == parent.outputs
    assert {step.name for step in parent.steps} <= {step.name for step in child.steps}


def what_is_read(pipeline: Pipeline) -> set[tuple[str | int, ...]]:
    return {each.path for step in pipeline.steps for each in references(step)[0]} | {
        (path,) for step in pipeline.steps for path in prompt_files(step)
    }


def test_the_missions_five_mutations_are_there() -> None:
    assert list(OPERATORS) == ["step", "prompt", "provider", "sequence", "feature"]


@pytest.mark.parametrize("name", list(OPERATORS))
def test_each_mutation_changes_an_ordinary_pipeline(name: str) -> None:
    parent = founder(review())
    child = OPERATORS[name](parent, random.Random(3))
    assert child.id != parent.id
    assert child.parents == (parent.id,)
    assert child.generation == 1
    assert child.mutations[0].startswith(f"{name}: ")


@RELAXED
@given(pipelines(), seeds, st.lists(st.sampled_from(list(OPERATORS)), min_size=1, max_size=4))
def test_mutants_of_mutants_are_valid_and_keep_the_contract(pipeline: Pipeline, seed: int, names: list[str]) -> None:
    rng, genome = random.Random(seed), founder(pipeline)
    for name in names:
        genome = OPERATORS[name](genome, rng)
        holds_the_contract(genome.pipeline, pipeline)


@RELAXED
@given(pipelines(), seeds, st.sampled_from(list(OPERATORS)))
def test_the_same_chance_gives_the_same_child(pipeline: Pipeline, seed: int, name: str) -> None:
    first = OPERATORS[name](founder(pipeline), random.Random(seed))
    second = OPERATORS[name](founder(pipeline), random.Random(seed))
    assert (first.id, first.mutations) == (second.id, second.mutations)


@RELAXED
@given(pipelines(), seeds)
def test_prompt_evolution_never_touches_the_flow_of_data(pipeline: Pipeline, seed: int) -> None:
    child = OPERATORS["prompt"](founder(pipeline), random.Random(seed))
    assert what_is_read(child.pipeline) == what_is_read(pipeline)


@RELAXED
@given(pipelines(), seeds)
def test_reshuffling_keeps_the_graph(pipeline: Pipeline, seed: int) -> None:
    child = OPERATORS["sequence"](founder(pipeline), random.Random(seed))
    assert child.pipeline.dependency_graph == pipeline.dependency_graph


@RELAXED
@given(pipelines(), seeds, st.sampled_from(list(OPERATORS)), st.sampled_from(list(OPERATORS)))
def test_crossover_of_two_mutants_is_valid_and_takes_steps_of_both(
    pipeline: Pipeline, seed: int, one: str, other: str
) -> None:
    rng = random.Random(seed)
    first, second = OPERATORS[one](founder(pipeline), rng), OPERATORS[other](founder(pipeline), rng)
    child = crossover(first, second, rng)
    holds_the_contract(child.pipeline, pipeline)
    theirs = {step.model_dump_json() for genome in (first, second) for step in genome.pipeline.steps}
    assert {step.model_dump_json() for step in child.pipeline.steps} <= theirs


def test_crossover_of_equal_parents_is_the_parent() -> None:
    parent = founder(review())
    assert crossover(parent, parent, random.Random(1)) is parent


def test_a_pipeline_without_provider_steps_has_nothing_to_optimise() -> None:
    from pipelines.language import build_pipeline

    genome = founder(build_pipeline({"name": "x", "steps": [{"name": "a", "type": "set_variable"}]}))
    for name in ("step", "prompt", "provider", "sequence"):
        assert OPERATORS[name](genome, random.Random(1)) is genome


def test_a_feature_travels_from_a_donor_with_the_steps_that_read_it() -> None:
    parent = founder(review())
    donor: Genome = parent
    rng = random.Random(0)
    while not any(step.name.endswith("_draft") for step in donor.pipeline.steps):
        donor = OPERATORS["feature"](parent, rng)
    draft = next(step.name for step in donor.pipeline.steps if step.name.endswith("_draft"))
    offered = [OPERATORS["feature"](parent, rng, Materials(donors=(donor,))) for _ in range(60)]
    assert any(f"feature: {draft} of" in child.mutations[0] for child in offered)


def test_a_schema_and_its_step_type_are_never_mutated_away() -> None:
    for seed in range(60):
        child = OPERATORS["step"](founder(review()), random.Random(seed))
        facts = next(step for step in child.pipeline.steps if step.name == "facts")
        assert facts.type == "claude_extract" and facts.output_schema == {"f": ["a"]}
