"""What is said of steps that deploy before they run: warning, words, numbers, and what is wrong with them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from pipelines.language import Diagnostic, InvalidPipelineError, check_document, load_pipeline, read_yaml
from pipelines.tooling import DRAWINGS, ModelFacts, Models, Routing, estimate, explain, warnings_for

TEXT = """\
name: promote
inputs: {candidate: {type: any}}
steps:
  - {name: trial, type: pipeline_executor, pipeline: "{{ candidate }}"}
  - name: perhaps
    type: conditional_deploy
    condition: trial.fitness > 0.5
  - name: surely
    type: pipeline_deployer
    on_error: continue
    config: {pipeline: "{{ steps.trial.outputs }}", deployment_strategy: immediate}
"""


class NoBook:
    def facts(self, model: str) -> ModelFacts | None:
        return None

    def cost_usd(self, model: str, input_tokens: int, output_tokens: int, day: date) -> Decimal | None:
        return None


MODELS = Models(NoBook(), Routing({"claude": "offline"}, {}))


def warnings(text: str) -> list[Diagnostic]:
    document = read_yaml(text, "x.yaml")
    return warnings_for(check_document(document), document, lambda: MODELS, date(2026, 1, 1))


def faults(step: str) -> str:
    with pytest.raises(InvalidPipelineError) as caught:
        load_pipeline(f"name: x\nsteps:\n  - {step}\n")
    return str(caught.value)


def test_each_is_warned_of_at_its_type_with_what_helps() -> None:
    first, second = warnings(TEXT)
    assert (first.code, first.line, first.key_path) == ("not_available", 6, "steps[1].type")
    assert "'perhaps' deploys a pipeline, which no node can do yet" in first.message
    assert "on_error: continue" in first.fix
    assert (second.line, second.fix) == (9, "")


def test_one_inside_a_loop_is_warned_of_as_well() -> None:
    inner = "{name: d, type: pipeline_deployer, pipeline: '{{ loop.item }}'}"
    text = f"name: x\nsteps:\n  - {{name: l, type: for_loop, data_source: '{{{{ inputs.list }}}}', steps: [{inner}]}}\n"
    assert [(each.code, each.key_path) for each in warnings(text)] == [("not_available", "steps[0].steps[0].type")]


def test_what_is_deployed_is_a_reference_wherever_it_is_written() -> None:
    graph = load_pipeline(TEXT).dependency_graph
    assert graph["surely"] == graph["perhaps"] == {"trial"}
    assert "there is no step 'nobody'" in faults("{name: d, type: pipeline_deployer, pipeline: '{{ steps.nobody.x }}'}")


def test_the_explanation_does_not_promise_a_deployment() -> None:
    told = explain(load_pipeline(TEXT), MODELS.routing)
    assert "is to deploy the pipeline it speaks of (gradual rollout), which no node can do yet" in told
    assert "is to deploy {{ steps.trial.outputs }} (immediate)" in told
    assert "It is not tried again: the run goes on without it." in told
    assert "It is not tried again: the run fails." in told
    assert "Only if trial.fitness > 0.5; otherwise it is skipped." in told


def test_it_costs_nothing_and_is_drawn_like_any_step() -> None:
    pipeline = load_pipeline(TEXT)
    found = estimate(pipeline, {}, MODELS, date(2026, 1, 1), lambda _: None)
    assert {each.step for each in found.steps}.isdisjoint({"perhaps", "surely"})
    assert all("perhaps" in draw(pipeline) for draw in DRAWINGS.values())


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{name: d, type: conditional_deploy, pipeline: x}", "'conditional_deploy' needs a `condition`"),
        ("{name: d, type: pipeline_deployer}", "'pipeline_deployer' needs a `pipeline`"),
        ("{name: d, type: pipeline_deployer, pipeline: x, deployment_strategy: big_bang}", "deployment_strategy"),
        ("{name: d, type: pipeline_deployer, config: {pipeline: x, stratgy: immediate}}", "config"),
    ],
)
def test_what_is_missing_or_unknown_is_told(step: str, told: str) -> None:
    assert told in faults(step)
