"""`on_error` of steps and of the pipeline, and `on_failure`: who runs, who is skipped, how the run ends."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from tests.actors_for_tests import until
from tests.runs_for_tests import echoes, small_node
from tests.support import run


class Boom(Exception):
    pass


QUICK = "retry: {max_attempts: 3, base_delay_s: 0}"


@pytest.mark.parametrize(
    ("keys", "attempts", "status", "dependant"),
    [
        ("on_error: fail", 1, "failed", None),
        (f"on_error: fail; {QUICK}", 3, "failed", None),
        (f"on_error: retry; {QUICK}", 3, "failed", None),
        (f"on_error: skip; {QUICK}", 3, "succeeded", "skipped"),
        (f"on_error: continue; {QUICK}", 3, "succeeded", "succeeded"),
    ],
)
def test_what_each_policy_does(keys: str, attempts: int, status: str, dependant: str | None) -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.failures = {"a": [Boom("no")] * 9}
        outcome = await node.run(echoes(f"a: 1; {keys}", "b: '{{ steps.a.success }}'", "c: 3"))
        record = await node.record()
        assert (outcome.status, node.hands.calls["a"]) == (status, attempts)
        assert (record.steps["b"].status if "b" in record.steps else None) == dependant
        assert "fallback_started" not in node.kinds("a")
        await node.kernel.shutdown()

    run(main())


def test_a_skipped_step_keeps_its_error_and_takes_all_that_wait_for_it_along() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.failures = {"a": [Boom("no")]}
        text = echoes(
            "a: 1; on_error: skip; retry: {max_attempts: 1}", "b: '{{ steps.a }}'", "c: '{{ steps.b }}'", "d: 4"
        )
        outcome = await node.run(text)
        assert outcome.status == "succeeded"
        assert cast("Any", outcome.results["a"])["error"]["message"] == "Boom: no"
        assert cast("Any", outcome.results["c"])["reason"] == "Dependency skipped: b"
        assert outcome.results["d"] == 4
        assert node.hands.calls == {"a": 1, "d": 1}
        assert {key: each.status for key, each in (await node.record()).steps.items()} == {
            "a": "skipped",
            "b": "skipped",
            "c": "skipped",
            "d": "succeeded",
        }
        await node.kernel.shutdown()

    run(main())


def test_a_step_whose_condition_does_not_hold_takes_nobody_along() -> None:
    async def main() -> None:
        node = await small_node()
        outcome = await node.run(echoes("a: 1; condition: '1 == 2'", "b: '{{ steps.a.skipped }}'"))
        assert outcome.results["b"] is True
        await node.kernel.shutdown()

    run(main())


def test_the_pipelines_policy_holds_for_steps_that_do_not_say_also_in_loops() -> None:
    text = """
name: p
on_error: continue
steps:
  - name: each
    type: for_loop
    data_source: [1]
    steps:
      - {name: a, type: test_echo, value: 1, fail: true, retry: {max_attempts: 1}}
      - {name: b, type: test_echo, value: "{{ steps.a.error.code }}"}
"""

    async def main() -> None:
        node = await small_node()
        outcome = await node.run(text)
        assert cast("Any", outcome.results["each"])["iterations"][0]["results"]["b"] == "echoed_failure"
        await node.kernel.shutdown()

    run(main())


def test_on_failure_stop_ends_what_is_under_way_at_once() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"b": asyncio.Event(), "a": asyncio.Event()}
        node.hands.failures = {"a": [Boom("no")]}
        await node.submit(echoes("a: 1; on_error: fail", "b: 2", "c: '{{ steps.b }}'"))
        await until(lambda: node.hands.active == 2)
        node.hands.gates["a"].set()
        outcome = await node.outcome()
        assert outcome.status == "failed"
        await until(lambda: node.hands.active == 0)
        assert node.hands.calls["c"] == 0
        await node.kernel.shutdown()

    run(main())


def test_on_failure_finish_lets_independent_branches_come_to_their_end() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"b": asyncio.Event(), "a": asyncio.Event()}
        node.hands.failures = {"a": [Boom("no")]}
        text = echoes(
            "a: 1; on_error: fail", "b: 2", "c: '{{ steps.b }}'", "never: '{{ steps.a }}'", head="on_failure: finish\n"
        )
        await node.submit(text)
        await until(lambda: node.hands.active == 2)
        node.hands.gates["a"].set()
        await until(lambda: "step_failed" in node.kinds("a"))
        node.hands.gates["b"].set()
        outcome = await node.outcome()
        assert outcome.status == "failed"
        assert outcome.error is not None and outcome.error["step"] == "a"
        assert (outcome.results["b"], outcome.results["c"]) == (2, 2)
        assert node.hands.calls["never"] == 0
        await node.kernel.shutdown()

    run(main())


def test_a_skipped_step_and_its_followers_stay_skipped_after_a_crash() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.failures = {"a": [Boom("no")]}
        node.hands.gates = {"c": asyncio.Event()}
        await node.submit(
            echoes("a: 1; on_error: skip; retry: {max_attempts: 1}", "c: 1", "b: '{{ [steps.a, steps.c] }}'")
        )
        await until(lambda: "step_skipped" in node.kinds("a") and node.hands.active == 1)
        ref = node.kernel.registry.whereis("run.r1.pipeline")
        assert ref is not None
        ref.kill()
        await until(lambda: "run_resumed" in node.kinds())
        node.hands.gates["c"].set()
        assert cast("Any", (await node.outcome()).results["b"])["skipped"] is True
        assert node.hands.calls == {"a": 1, "c": 1}
        await node.kernel.shutdown()

    run(main())
