"""`switch` in a run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.runs import pipeline_name
from pipelines.language import InvalidPipelineError, load_pipeline, to_yaml
from tests.actors_for_tests import until
from tests.runs_for_tests import small_node
from tests.support import run

ROUTE = """
name: p
inputs: {kind: {type: any}}
steps:
  - {name: sort, type: test_echo, value: "{{inputs.kind}}"}
  - name: route
    type: switch
    value: "{{steps.sort}}"
    cases:
      - when: bug
        steps:
          - {name: note, type: test_echo, value: "a bug"}
          - {name: fix, type: test_echo, value: "fixed {{steps.note}}"}
          - {name: keep, type: set_variable, variables: {seen: "{{steps.fix}}"}}
      - when: [wish, idea]
        steps: [{name: note, type: test_echo, value: "a wish"}]
      - condition: "sort > 3"
        steps: [{name: big, type: test_echo, value: "{{steps.sort}}"}]
    default:
      - {name: other, type: test_echo, value: nothing}
  - {name: after, type: test_echo, value: "{{steps.note}}"}
  - {name: mend, type: test_echo, condition: "not fix.skipped", value: "{{steps.fix}}"}
outputs: {note: "{{steps.note}}", branch: "{{steps.route.branch}}"}
"""


async def _route(kind: Any, text: str = ROUTE) -> Any:
    node = await small_node()
    outcome = await node.run(text, inputs={"kind": kind})
    await node.kernel.shutdown()
    assert outcome.status == "succeeded", outcome.error
    return outcome


def test_a_switch_runs_the_first_case_that_fits_and_later_steps_see_its_steps() -> None:
    outcome = run(_route("bug"))
    route = outcome.results["route"]
    assert (route["branch"], route["success"]) == ("bug", True)
    assert route["results"]["fix"] == "fixed a bug"
    assert (outcome.results["after"], outcome.results["mend"]) == ("a bug", "fixed a bug")
    assert outcome.outputs == {"note": "a bug", "branch": "bug"}


def test_steps_of_branches_not_taken_count_as_skipped() -> None:
    outcome = run(_route(7))
    assert outcome.results["route"]["results"] == {"big": 7}
    assert outcome.results["after"] == {"success": True, "skipped": True, "reason": "Branch not chosen: route"}
    assert outcome.results["mend"]["skipped"] is True


@pytest.mark.parametrize(("kind", "branch"), [("idea", '["wish", "idea"]'), (1, "default"), (4, "sort > 3")])
def test_a_list_means_any_of_it_and_the_default_takes_the_rest(kind: Any, branch: str) -> None:
    assert run(_route(kind)).results["route"]["branch"] == branch


def test_a_switch_without_a_fitting_case_or_default_does_nothing() -> None:
    text = ROUTE.replace("    default:\n      - {name: other, type: test_echo, value: nothing}\n", "")
    route = run(_route(1, text)).results["route"]
    assert (route["branch"], route["results"], route["success"]) == (None, {}, True)


def test_cases_may_be_a_map_from_values_to_steps() -> None:
    text = """
name: p
inputs: {kind: {type: any}}
steps:
  - name: route
    type: switch
    expression: inputs.kind
    cases:
      "2": {name: two, type: test_echo, value: two}
      yes: [{name: agreed, type: test_echo, value: agreed}]
"""
    assert run(_route(2, text)).results["route"]["results"] == {"two": "two"}
    pipeline = load_pipeline(text)
    assert load_pipeline(to_yaml(pipeline)).content_hash == pipeline.content_hash


def test_a_killed_switch_goes_on_in_its_branch_and_repeats_no_finished_step() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"route[0]/fix": asyncio.Event(), "mend": asyncio.Event()}
        await node.submit(ROUTE, inputs={"kind": "bug"})
        await until(lambda: node.hands.calls["route[0]/fix"] == 1)
        await _kill(node, 1)
        node.hands.gates["route[0]/fix"].set()
        await until(lambda: node.hands.calls["mend"] == 1)
        await _kill(node, 2)
        node.hands.gates["mend"].set()
        outcome = await node.outcome()
        assert (outcome.results["mend"], outcome.results["after"]) == ("fixed a bug", "a bug")
        assert (node.hands.calls["route[0]/note"], node.hands.calls["sort"]) == (1, 1)
        await node.kernel.shutdown()

    async def _kill(node: Any, times: int) -> None:
        ref = node.kernel.registry.whereis(pipeline_name("r1"))
        assert ref is not None
        ref.kill()
        await until(lambda: node.kinds().count("run_resumed") == times)

    run(main())


def test_the_variables_of_a_recorded_switch_are_there_after_a_restart() -> None:
    text = ROUTE.replace('value: "{{steps.note}}"}', 'depends_on: [route], value: "{{state.seen}}"}')

    # Not in the first place: the branch is told by its place in the path.
    text = text.replace("      - when: bug", "      - {when: never, steps: []}\n      - when: bug")

    async def main() -> None:
        first = await small_node()
        first.hands.gates = {"after": asyncio.Event()}
        await first.submit(text, inputs={"kind": "bug"})
        await until(lambda: first.hands.calls["after"] == 1)
        await first.kernel.shutdown()
        second = await small_node(store=first.store)
        assert (await second.outcome()).results["after"] == "fixed a bug"
        assert second.hands.calls["route[1]/note"] == 0
        await second.kernel.shutdown()

    run(main())


def test_a_failure_in_a_branch_is_the_failure_of_the_switch() -> None:
    text = ROUTE.partition("outputs:")[0].replace('value: "a wish"', "fail: true, on_error: fail")
    text = text.replace("    cases:", "    on_error: continue\n    cases:")

    async def main() -> None:
        node = await small_node()
        outcome = await node.run(text, inputs={"kind": "idea"})
        assert outcome.status == "succeeded", outcome.error
        route: Any = outcome.results["route"]
        assert (route["success"], route["error"]["step"]) == (False, "route[1]/note")
        mend: Any = outcome.results["mend"]
        assert mend["skipped"] is True
        await node.kernel.shutdown()

    run(main())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{name: a, type: break}", "'break' has no loop to leave"),
        ("{name: a, type: switch, cases: [{when: 1, steps: []}]}", "needs a `value`"),
        ("{name: a, type: switch, value: 1, cases: [{steps: []}]}", "a case needs either `when`"),
        ("{name: a, type: switch, value: 1, cases: []}", "'cases' is empty"),
        ("{name: a, type: while_loop, steps: []}", "While loop requires 'condition' field"),
        ("{name: a, type: while_loop, condition: 'true'}", "Loop requires 'steps' field"),
        (
            "{name: a, type: switch, value: 1, cases: [{when: 1, steps: [{name: a, type: test_echo}]}]}",
            "duplicate step",
        ),
        (
            "{name: a, type: switch, value: 1, default: [{name: b, type: test_echo, value: '{{steps.c}}'}], "
            "cases: [{when: 1, steps: []}]}",
            "there is no step 'c'",
        ),
    ],
)
def test_what_is_wrong_with_loops_and_switches_is_said_when_the_file_is_read(text: str, said: str) -> None:
    with pytest.raises(InvalidPipelineError) as refused:
        load_pipeline(f"name: p\nsteps:\n  - {text}\n")
    assert said in str(refused.value)
    assert len(refused.value.diagnostics) == 1
