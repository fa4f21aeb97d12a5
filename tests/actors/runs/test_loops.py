"""`while_loop`, and what leaves the passes of both kinds of loop, in a run."""

from __future__ import annotations

import asyncio
from typing import Any

from actors.kernel import ManualClock
from actors.runs import pipeline_name
from tests.actors_for_tests import until
from tests.runs_for_tests import small_node
from tests.support import run

COUNTING = """
name: p
variables: {n: 0}
steps:
  - name: again
    type: while_loop
    condition: "state.n < 3"
    steps:
      - {name: now, type: test_echo, value: "{{state.n}}"}
      - {name: more, type: set_variable, depends_on: [now], variables: {n: "{{state.n + 1}}"}}
  - {name: after, type: test_echo, value: "{{state.n}} after {{steps.again.iterations}}"}
"""
LEAVING = """
name: p
steps:
  - name: each
    type: for_loop
    iterator: x
    data_source: [1, 2, 3, 4, 5]
    steps:
      - {name: before, type: test_echo, value: "{{loop.x}}"}
      - {name: out, type: KIND, condition: "before >= 3"}
      - {name: behind, type: test_echo, value: "{{loop.x * 10}}"}
"""
PARALLEL = """
name: p
steps:
  - name: each
    type: for_loop
    iterator: x
    parallel: true
    max_parallel: 4
    data_source: [0, 1, 2, 3, 4, 5, 6]
    steps:
      - {name: work, type: test_echo, value: "{{loop.x}}"}
      - {name: out, type: break, condition: "work == 2"}
  - {name: after, type: test_echo, value: "{{steps.each.success}}"}
"""


def _loop(outcome: Any, name: str = "each") -> dict[str, Any]:
    assert outcome.status == "succeeded", outcome.error
    return outcome.results[name]


async def _run(text: str) -> Any:
    node = await small_node()
    outcome = await node.run(text)
    await node.kernel.shutdown()
    return outcome


def test_a_while_loop_runs_until_its_condition_no_longer_holds() -> None:
    outcome = run(_run(COUNTING))
    loop = _loop(outcome, "again")
    assert (loop["success"], loop["iterations"], loop["condition_met"]) == (True, 3, False)
    assert loop["results"]["now"] == 2
    assert outcome.results["after"] == "3 after 3"


def test_the_condition_of_a_while_loop_sees_the_steps_of_its_last_pass() -> None:
    text = """
name: p
steps:
  - name: again
    type: while_loop
    condition: "steps.draft.score < 2"
    steps:
      - {name: draft, type: test_echo, value: {score: "{{loop.index}}"}}
"""
    outcome = run(_run(text))
    assert _loop(outcome, "again")["skipped"] is True  # there is no draft yet: null is not below 2
    outcome = run(_run(text.replace("steps.draft.score < 2", "not (steps.draft.score >= 2)")))
    assert _loop(outcome, "again")["iterations"] == 3


def test_a_while_loop_that_never_ends_says_so_and_fails_the_step_where_that_is_wanted() -> None:
    text = COUNTING.replace("state.n < 3", "state.n >= 0").replace("    steps:", "    max_iterations: 5\n    steps:", 1)
    loop = _loop(run(_run(text)), "again")
    assert (loop["success"], loop["iterations"], loop["max_iterations_reached"]) == (False, 5, True)
    failed = run(_run(text.replace("max_iterations: 5", "max_iterations: 5\n    on_limit: fail\n    on_error: fail")))
    assert failed.status == "failed"
    assert failed.error["code"] == "max_iterations"
    assert "max_iterations of 5" in failed.error["message"]


def test_a_failing_pass_fails_the_while_loop() -> None:
    text = COUNTING.replace('value: "{{state.n}}"', "fail: true, retry: {max_attempts: 1}, on_error: fail")
    outcome = run(_run(text.replace('state.n < 3"', 'state.n < 3"\n    on_error: fail')))
    assert outcome.status == "failed"
    assert outcome.error["step"] == "again[0]/now"


def test_a_killed_while_loop_goes_on_with_its_variables_and_repeats_no_finished_step() -> None:
    async def main() -> None:
        first = await small_node()
        first.hands.gates = {"again[1]/now": asyncio.Event()}
        await first.submit(COUNTING)
        await until(lambda: first.hands.calls["again[1]/now"] == 1)
        await first.kernel.shutdown()
        second = await small_node(store=first.store)
        second.hands.gates = {"after": asyncio.Event()}
        await until(lambda: second.hands.calls["after"] == 1)
        assert second.hands.calls == {"again[1]/now": 1, "again[2]/now": 1, "after": 1}
        ref = second.kernel.registry.whereis(pipeline_name("r1"))
        assert ref is not None
        ref.kill()  # the loop is on record as a whole now: its variables come from the steps inside
        await until(lambda: second.kinds().count("run_resumed") == 2)
        second.hands.gates["after"].set()
        assert (await second.outcome()).results["after"] == "3 after 3"
        await second.kernel.shutdown()

    run(main())


def test_break_ends_a_loop_before_the_steps_behind_it() -> None:
    loop = _loop(run(_run(LEAVING.replace("KIND", "break"))))
    assert [sorted(each["results"]) for each in loop["iterations"]] == [
        ["before", "behind", "out"],
        ["before", "behind", "out"],
        ["before", "out"],
    ]
    assert (loop["success"], loop["left_by"], loop["completed_items"]) == (True, "break", 3)


def test_continue_ends_a_pass_only() -> None:
    loop = _loop(run(_run(LEAVING.replace("KIND", "continue"))))
    assert ["behind" in each["results"] for each in loop["iterations"]] == [True, True, False, False, False]
    assert [each.get("left_by") for each in loop["iterations"]] == [None, None, *["continue"] * 3]
    assert "left_by" not in loop


def test_break_inside_a_switch_ends_the_while_loop_around_it() -> None:
    text = """
name: p
steps:
  - name: again
    type: while_loop
    condition: "true == true"
    steps:
      - {name: n, type: test_echo, value: "{{loop.index}}"}
      - name: route
        type: switch
        value: "{{steps.n}}"
        cases:
          - {when: 2, steps: [{name: out, type: break}]}
          - {when: 0, steps: [{name: skip, type: continue}]}
      - {name: behind, type: test_echo, value: 1}
"""

    async def main() -> None:
        node = await small_node()
        loop = _loop(await node.run(text), "again")
        assert (loop["iterations"], loop["left_by"]) == (3, "break")
        keys = (await node.record()).steps
        assert [key for key in keys if key.endswith("/behind")] == ["again[1]/behind"]
        await node.kernel.shutdown()

    run(main())


def test_a_parallel_loop_that_is_left_has_the_result_of_a_sequential_one() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {f"each[{index}]/work": asyncio.Event() for index in (0, 1, 3)}
        await node.submit(PARALLEL)
        await until(lambda: "each[2]/out" in str(node.events) and "each[3]/work" in node.hands.calls)
        assert "after" not in node.hands.calls  # the passes before the one that ended it are waited for
        node.hands.gates["each[1]/work"].set()
        node.hands.gates["each[0]/work"].set()
        loop = _loop(await node.outcome())
        assert [each["index"] for each in loop["iterations"]] == [0, 1, 2]
        assert "each[5]/work" not in node.hands.calls
        await node.kernel.shutdown()

    run(main())


def test_a_batch_begins_when_the_last_one_is_done() -> None:
    text = PARALLEL.replace("max_parallel: 4", "batch_size: 2").replace("work == 2", "work == 9")

    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"each[1]/work": asyncio.Event()}
        await node.submit(text)
        await until(lambda: "each[0]/out" in str(node.events))
        assert set(node.hands.calls) == {"each[0]/work", "each[1]/work"}
        node.hands.gates["each[1]/work"].set()
        loop = _loop(await node.outcome())
        assert [each["results"]["work"] for each in loop["iterations"]] == list(range(7))
        assert loop["batches_processed"] == 4
        await node.kernel.shutdown()

    run(main())


def test_continue_condition_leaves_passes_out() -> None:
    text = LEAVING.replace("KIND", "continue").replace(
        "    iterator: x", "    continue_condition: loop.x > 1\n    iterator: x"
    )
    loop = _loop(run(_run(text)))
    assert [each.get("skipped", False) for each in loop["iterations"]] == [False, True, True, True, True]


def test_break_condition_sees_the_variables_of_the_pass() -> None:
    text = """
name: p
variables: {n: 0}
steps:
  - name: each
    type: for_loop
    data_source: [5, 6, 7, 8]
    break_condition: "state.n > 10"
    steps:
      - {name: add, type: set_variable, variables: {n: "{{state.n + loop.item}}"}}
"""
    loop = _loop(run(_run(text)))
    assert (len(loop["iterations"]), loop["left_by"]) == (2, "break_condition")


def test_a_while_loop_ends_at_its_timeout() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.gates = {"again[0]/now": asyncio.Event()}
        await node.submit(COUNTING.replace("    steps:", "    timeout_s: 30\n    on_error: continue\n    steps:", 1))
        await until(lambda: node.hands.calls["again[0]/now"] == 1)
        clock.advance(31)
        loop = (await node.outcome()).results["again"]
        assert isinstance(loop, dict)
        assert "timeout" in str(loop["error"])
        await node.kernel.shutdown()

    run(main())
