"""Loops and nested pipelines in a run."""

from __future__ import annotations

import asyncio
from textwrap import indent

import pytest

from actors.kernel import ManualClock
from actors.runs import pipeline_name, step_name
from tests.actors_for_tests import until
from tests.runs_for_tests import small_node
from tests.support import run

LOOP = """
name: p
steps:
  - {name: items, type: test_echo, value: [10, 20, 30]}
  - name: each
    type: for_loop
    iterator: x
    data_source: items
    steps:
      - {name: one, type: test_echo, value: "{{loop.x + 1}}"}
      - {name: two, type: test_echo, value: "{{steps.one * 2}}"}
  - {name: after, type: test_echo, value: "{{steps.each.completed_items}}"}
"""
NESTED = """
name: outer
steps:
  - {name: a, type: test_echo, value: {n: 4}}
  - name: inner
    type: pipeline
    inputs: {n: "{{steps.a.n}}"}
    outputs: [{path: double, as: d}]
    pipeline:
      name: child
      inputs: {n: {type: integer}}
      steps:
        - {name: double, type: test_echo, value: "{{inputs.n * 2}}"}
        - {name: more, type: test_echo, value: "{{steps.double + 1}}"}
  - {name: after, type: test_echo, value: "{{steps.inner.d}}"}
"""


def test_a_loop_runs_its_steps_for_every_item() -> None:
    async def main() -> None:
        node = await small_node()
        outcome = await node.run(LOOP)
        loop = outcome.results["each"]
        assert isinstance(loop, dict)
        assert (loop["success"], loop["total_items"], loop["completed_items"]) == (True, 3, 3)
        assert loop["iterations"] == [
            {"index": index, "item": item, "success": True, "results": {"one": item + 1, "two": (item + 1) * 2}}
            for index, item in enumerate([10, 20, 30])
        ]
        assert outcome.results["after"] == 3
        assert list((await node.record()).steps) == [
            "items", "each[0]/one", "each[0]/two", "each[1]/one", "each[1]/two", "each[2]/one", "each[2]/two",
            "each", "after",
        ]  # fmt: skip
        await node.kernel.shutdown()

    run(main())


def test_a_resumed_loop_repeats_no_finished_step() -> None:
    async def main() -> None:
        first = await small_node()
        first.hands.gates = {"each[1]/two": asyncio.Event()}
        await first.submit(LOOP)
        await until(lambda: first.hands.calls["each[1]/two"] == 1)
        await first.kernel.shutdown()
        second = await small_node(store=first.store)
        assert (await second.outcome()).results["after"] == 3
        assert second.hands.calls == {"each[1]/two": 1, "each[2]/one": 1, "each[2]/two": 1, "after": 1}
        await second.kernel.shutdown()

    run(main())


def test_kills_inside_a_loop_change_nothing_of_its_result() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"each[1]/two": asyncio.Event()}
        await node.submit(LOOP)
        await until(lambda: node.hands.calls["each[1]/two"] == 1)
        for number, name in enumerate((step_name("r1", "each[1]/two"), pipeline_name("r1"))):
            ref = node.kernel.registry.whereis(name)
            assert ref is not None
            ref.kill()
            await until(
                lambda n=number: node.hands.calls["each[1]/two"] >= 2 and (n == 0 or "run_resumed" in node.kinds())
            )
        node.hands.gates["each[1]/two"].set()
        assert (await node.outcome()).results["after"] == 3
        assert node.hands.calls["each[0]/one"] == 1
        await node.kernel.shutdown()

    run(main())


def test_a_parallel_loop_keeps_to_its_limit() -> None:
    text = LOOP.replace("iterator: x", "iterator: x\n    parallel: true\n    max_parallel: 2")

    async def main() -> None:
        node = await small_node()
        node.hands.gates = {f"each[{index}]/one": asyncio.Event() for index in range(3)}
        await node.submit(text)
        await until(lambda: node.hands.active == 2)
        assert node.hands.calls["each[2]/one"] == 0
        node.hands.gates["each[1]/one"].set()
        await until(lambda: node.hands.calls["each[2]/one"] == 1)
        for gate in node.hands.gates.values():
            gate.set()
        outcome = await node.outcome()
        assert outcome.results["after"] == 3
        assert node.hands.most_active == 2
        loop = outcome.results["each"]
        assert isinstance(loop, dict)
        assert isinstance(loop["iterations"], list)
        assert [each["index"] for each in loop["iterations"] if isinstance(each, dict)] == [0, 1, 2]
        await node.kernel.shutdown()

    run(main())


def test_a_failing_iteration_ends_the_loop_and_not_the_run() -> None:
    text = LOOP.replace(
        '"{{loop.x + 1}}"', "\"{{ '__FAIL__' if loop.x == 20 else loop.x }}\", retry: {max_attempts: 1}"
    )

    async def main() -> None:
        node = await small_node()
        outcome = await node.run(text)
        loop = outcome.results["each"]
        assert isinstance(loop, dict)
        assert (outcome.status, loop["success"], loop["completed_items"]) == ("succeeded", False, 1)
        assert node.hands.calls["each[2]/one"] == 0
        await node.kernel.shutdown()

    run(main())


def test_a_break_condition_ends_the_loop() -> None:
    text = LOOP.replace("iterator: x", "iterator: x\n    break_condition: loop.x == 20")

    async def main() -> None:
        node = await small_node()
        assert (await node.run(text)).results["after"] == 2
        await node.kernel.shutdown()

    run(main())


def test_variables_set_in_a_loop_add_up_and_are_seen_after_it() -> None:
    text = """
name: p
steps:
  - {name: start, type: set_variable, variables: {sum: 0}}
  - name: each
    type: for_loop
    data_source: [1, 2, 3]
    steps:
      - {name: add, type: set_variable, variables: {sum: "{{state.sum + loop.item}}"}}
  - {name: show, type: test_echo, value: "{{state.sum}}", depends_on: [each]}
"""

    async def main() -> None:
        node = await small_node()
        assert (await node.run(text)).results["show"] == 6
        await node.kernel.shutdown()

    run(main())


def test_a_nested_pipeline_has_its_own_inputs_and_gives_its_outputs() -> None:
    async def main() -> None:
        node = await small_node()
        outcome = await node.run(NESTED)
        assert outcome.results["inner"] == {"result": {"d": 8}}
        assert outcome.results["after"] == 8
        assert list((await node.record()).steps) == ["a", "inner/double", "inner/more", "inner", "after"]
        await node.kernel.shutdown()

    run(main())


def test_outputs_of_a_nested_pipeline_see_its_variables_and_the_steps_of_its_branches() -> None:
    text = """
name: outer
variables: {g: 1}
steps:
  - name: inner
    type: pipeline
    pipeline:
      name: child
      variables: {g: 100}
      steps:
        - {name: add, type: set_variable, variables: {g: "{{ state.g + 1 }}"}}
        - {name: way, type: switch, value: a, cases: {a: [{name: hit, type: test_echo, value: H}]}}
      outputs: {g: "{{ state.g }}", hit: "{{ steps.hit }}"}
outputs: {g: "{{ state.g }}", inner: "{{ steps.inner }}"}
"""

    async def main() -> None:
        node = await small_node()
        outcome = await node.run(text)
        assert (outcome.status, outcome.error) == ("succeeded", None)
        assert outcome.outputs == {"g": 1, "inner": {"g": 101, "hit": "H"}}
        await node.kernel.shutdown()

    run(main())


def test_a_failing_inner_step_fails_the_nested_step() -> None:
    text = NESTED.replace('"{{steps.double + 1}}"', '"{{steps.double.nothing}}"')

    async def main() -> None:
        node = await small_node()
        outcome = await node.run(text)
        assert outcome.error is not None
        assert (outcome.status, outcome.error["step"], outcome.error["code"]) == (
            "failed", "inner/more", "template_error",
        )  # fmt: skip
        assert outcome.error["pipeline"] == "outer → child"
        assert (await node.record()).steps["inner"].status == "failed"
        await node.kernel.shutdown()

    run(main())


def test_a_nested_pipeline_that_takes_too_long_is_interrupted() -> None:
    text = NESTED.replace("    outputs: [{path", "    timeout_s: 3\n    outputs: [{path")

    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.gates = {"inner/double": asyncio.Event()}
        await node.submit(text)
        await until(lambda: node.hands.calls["inner/double"] == 1)
        clock.advance(3)
        outcome = await node.outcome()
        assert outcome.error is not None
        assert (outcome.status, outcome.error["code"], node.hands.active) == ("failed", "timeout", 0)
        await node.kernel.shutdown()

    run(main())


@pytest.mark.parametrize(("depth", "status"), [(10, "succeeded"), (11, "failed")])
def test_nesting_goes_ten_deep_and_no_deeper(depth: int, status: str) -> None:
    def nested(level: int) -> str:
        head = f"name: p{level}\nsteps:\n"
        if level == depth:
            return head + "  - {name: s, type: test_echo, value: 1}\n"
        return head + "  - name: s\n    type: pipeline\n    pipeline:\n" + indent(nested(level + 1), "      ")

    async def main() -> None:
        node = await small_node()
        outcome = await node.run(nested(0))
        assert outcome.status == status
        if outcome.error is not None:
            assert "Maximum nesting depth (10) exceeded: current depth is 11" in str(outcome.error["message"])
        await node.kernel.shutdown()

    run(main())


def test_a_resumed_run_sees_what_a_finished_loop_has_set() -> None:
    text = """
name: p
steps:
  - {name: start, type: set_variable, variables: {sum: 0}}
  - name: outer
    type: for_loop
    data_source: [10, 20]
    depends_on: [start]
    steps:
      - name: inner
        type: for_loop
        iterator: n
        data_source: [1, 2]
        steps:
          - {name: add, type: set_variable, variables: {sum: "{{state.sum + loop.n + loop.parent.item}}"}}
  - {name: gate, type: test_echo, value: "{{state.sum}}", depends_on: [outer]}
"""

    async def main() -> None:
        first = await small_node()
        first.hands.gates = {"gate": asyncio.Event()}
        await first.submit(text)
        await until(lambda: first.hands.calls["gate"] == 1)
        await first.kernel.shutdown()
        second = await small_node(store=first.store)
        assert (await second.outcome()).results["gate"] == 66
        await second.kernel.shutdown()

    run(main())
