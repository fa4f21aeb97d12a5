"""`pipeline_executor`, `parallel_pipeline_executor` and `checkpoint` in a run."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from actors.runs import pipeline_name
from pipelines.language import load_pipeline, to_yaml
from tests.actors_for_tests import until
from tests.runs_for_tests import small_node
from tests.support import run

GOOD = "name: good\nsteps:\n  - {name: a, type: test_echo, value: '{{inputs.n + 1}}'}\noutputs: {sum: '{{steps.a}}'}\n"
HALF = (
    "name: half\nsteps:\n  - {name: a, type: test_echo, value: 1}\n"
    "  - {name: b, type: test_echo, fail: true, depends_on: [a], retry: {max_attempts: 1}, on_error: fail}\n"
)
BROKEN = "name: broken\nsteps:\n  - {name: a, type: test_eco}\n"
ONE = """
name: p
inputs: {definition: {type: any}}
steps:
  - name: try
    type: pipeline_executor
    on_error: fail
    pipeline: "{{inputs.definition}}"
    inputs: {n: 4, unknown: 1}
  - {name: after, type: test_echo, condition: "{{steps.try.fitness}} > 0.4", value: "{{steps.try.outputs}}"}
"""
MANY = """
name: p
inputs: {definitions: {type: any}}
steps:
  - name: try
    type: parallel_pipeline_executor
    on_error: fail
    pipelines: "{{inputs.definitions}}"
    inputs: {n: 4}
"""


async def _run(text: str, **inputs: Any) -> Any:
    node = await small_node()
    outcome = await node.run(text, inputs=inputs)
    await node.kernel.shutdown()
    return outcome


@pytest.mark.parametrize(
    "definition",
    [
        GOOD,
        f"Here it is:\n```yaml\n{GOOD}```\nEnjoy.",
        {"name": "good", "steps": [{"name": "a", "type": "test_echo", "value": 5}], "outputs": {"sum": "{{steps.a}}"}},
        {"result": GOOD, "success": True},
    ],
)
def test_a_pipeline_that_is_data_runs_with_the_inputs_it_knows(definition: Any) -> None:
    outcome = run(_run(ONE, definition=definition))
    tried = outcome.results["try"]
    assert (tried["success"], tried["outputs"], tried["fitness"], tried["pipeline"]) == (True, {"sum": 5}, 1.0, "good")
    assert outcome.results["after"] == {"sum": 5}


@pytest.mark.parametrize(
    ("definition", "code", "fitness"),
    [
        (HALF, "echoed_failure", 1 / 3),
        (BROKEN, "invalid_pipeline", 0.0),
        ("just words", "invalid_pipeline", 0.0),
        (7, "no_pipeline", 0.0),
    ],
)
def test_what_fails_or_may_not_run_is_a_result(definition: Any, code: str, fitness: float) -> None:
    outcome = run(_run(ONE, definition=definition))
    tried = outcome.results["try"]
    assert (tried["success"], tried["error"]["code"], tried["fitness"]) == (False, code, fitness)
    assert outcome.results["after"]["skipped"] is True
    wanted = run(
        _run(ONE.replace("    inputs: {n", "    require_success: true\n    inputs: {n"), definition=definition)
    )
    assert (wanted.status, wanted.error["code"]) == ("failed", code)


def test_several_are_compared_in_their_order() -> None:
    tried = run(_run(MANY, definitions=[BROKEN, HALF, GOOD])).results["try"]
    assert [each["success"] for each in tried["results"]] == [False, False, True]
    assert (tried["ranking"], tried["winner"], tried["winner_index"]) == ([2, 1, 0], "good", 2)
    assert (tried["succeeded"], tried["total"], tried["success"]) == (1, 3, True)
    as_text = run(_run(MANY, definitions=json.dumps([GOOD]))).results["try"]
    assert as_text["winner"] == "good"


def test_executors_are_bounded_by_steps_and_depth() -> None:
    many = {"name": "long", "steps": [{"name": f"s{n}", "type": "test_echo"} for n in range(30)]}
    other = {**many, "name": "other"}
    text = MANY.replace("    inputs: {n", "    config: {max_total_steps: 40}\n    inputs: {n")
    tried = run(_run(text, definitions=[many, other])).results["try"]
    assert [each["success"] for each in tried["results"]] == [True, False]
    assert "Maximum total steps (40) exceeded" in tried["results"][1]["error"]["message"]
    itself = {
        "name": "again",
        "steps": [
            {"name": "try", "type": "pipeline_executor", "pipeline": "{{inputs.it}}", "inputs": {"it": "{{inputs.it}}"}}
        ],
    }
    outer = run(_run(ONE.replace("unknown: 1", "it: '{{inputs.definition}}'"), definition=itself)).results["try"]
    assert "Circular dependency detected" in str(outer)


def test_no_more_than_max_parallel_run_at_once_and_a_restart_repeats_no_finished_step() -> None:
    text = MANY.replace("    inputs: {n", "    max_parallel: 2\n    inputs: {n")
    definitions = [GOOD.replace("good", f"good{number}") for number in range(3)]

    async def main() -> None:
        node = await small_node()
        node.hands.gates = {f"try[{number}]/a": asyncio.Event() for number in (1, 2)}
        await node.submit(text, inputs={"definitions": definitions})
        await until(lambda: node.hands.calls["try[2]/a"] == 1)
        assert node.hands.active == 2
        ref = node.kernel.registry.whereis(pipeline_name("r1"))
        assert ref is not None
        ref.kill()
        await until(lambda: "run_resumed" in node.kinds())
        for gate in node.hands.gates.values():
            gate.set()
        tried: Any = (await node.outcome()).results["try"]
        assert [each["pipeline"] for each in tried["results"]] == ["good0", "good1", "good2"]
        assert node.hands.calls["try[0]/a"] == 1
        await node.kernel.shutdown()

    run(main())


def test_the_missions_spelling_of_executors_is_read() -> None:
    text = """
name: p
steps:
  - {name: make, type: test_echo, value: [1]}
  - name: run
    type: parallel_pipeline_executor
    config: {pipelines: "{{steps.make}}", test_data: "{{data}}"}
  - {name: one, type: pipeline_executor, config: {pipeline: "{{steps.run.results}}", test_suite: meta}}
"""
    pipeline = load_pipeline(text)
    assert pipeline.dependency_graph == {"make": frozenset(), "run": {"make"}, "one": {"run"}}
    assert pipeline.implied_inputs == ("data",)
    assert load_pipeline(to_yaml(pipeline)).content_hash == pipeline.content_hash


CHECKPOINT = """
name: p
variables: {n: 1}
steps:
  - {name: before, type: test_echo, value: 1}
  - {name: set, type: set_variable, variables: {n: 2}}
  - {name: safe, type: checkpoint, data: {seen: "{{steps.before}}"}}
  - {name: after, type: test_echo, value: 3}
"""


def test_a_checkpoint_waits_for_what_is_before_it_and_holds_back_what_is_behind() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"before": asyncio.Event()}
        await node.submit(CHECKPOINT)
        await until(lambda: node.hands.calls["before"] == 1 and "step_succeeded" in node.kinds("set"))
        assert node.hands.calls["after"] == 0
        node.hands.gates["before"].set()
        outcome = await node.outcome()
        safe: Any = outcome.results["safe"]
        assert (safe["state"], safe["completed"], safe["data"]) == ({"n": 2}, ["before", "set"], {"seen": 1})
        assert outcome.results["after"] == 3
        await node.kernel.shutdown()

    run(main())
