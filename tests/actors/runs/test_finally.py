"""`finally` steps: behind everything else, whatever came of it, once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from actors.journal import MemoryStore
from actors.kernel import ManualClock
from actors.killswitch import ArmSwitch, KillBoard, KillView, TriggerSwitch
from actors.runs import CancelRun
from tests.actors_for_tests import settle, until
from tests.runs_for_tests import SmallNode, echoes, small_node
from tests.support import run

FINALLY = """finally:
  - {name: last, type: test_echo, value: "{{ workflow.status }} {{ workflow.error.code | default('-') }}"}
"""


class Boom(Exception):
    pass


def with_finally(*lines: str, head: str = "", finals: str = FINALLY) -> str:
    return echoes(*lines, head=head) + finals


async def cancel(node: SmallNode) -> bool:
    return await node.kernel.ref("runs").call(CancelRun("r1"))


def test_it_runs_behind_a_run_that_went_well_and_sees_all_results() -> None:
    finals = """finally:
  - {name: sum, type: test_echo, value: "{{ steps.a + steps.b }} {{ workflow.status }}"}
  - {name: then, type: test_echo, value: "{{ steps.sum }}!"}
"""

    async def main() -> None:
        node = await small_node()
        outcome = await node.run(with_finally("a: 1", "b: 2", finals=finals))
        assert outcome.status == "succeeded"
        assert outcome.results == {"a": 1, "b": 2, "sum": "3 succeeded", "then": "3 succeeded!"}
        await node.kernel.shutdown()

    run(main())


def test_it_runs_behind_a_run_that_failed_and_sees_how() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.failures = {"a": [Boom("no")]}
        outcome = await node.run(with_finally("a: 1; on_error: fail", "b: '{{ steps.a }}'"))
        assert (outcome.status, outcome.results["last"]) == ("failed", "failed exception")
        assert outcome.error is not None and outcome.error["step"] == "a"
        await node.kernel.shutdown()

    run(main())


def test_it_runs_behind_a_cancelled_run_once_what_was_at_work_has_been_stopped() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"a": asyncio.Event(), "last": asyncio.Event()}
        await node.submit(with_finally("a: 1", "b: '{{ steps.a }}'"))
        await until(lambda: node.hands.active == 1)
        assert await cancel(node) is True
        await until(lambda: node.hands.calls["last"] == 1)
        assert await cancel(node) is False
        node.hands.gates["last"].set()
        outcome = await node.outcome()
        assert (outcome.status, outcome.results["last"]) == ("cancelled", "cancelled cancelled")
        assert node.hands.calls == {"a": 1, "last": 1}
        await node.kernel.shutdown()

    run(main())


def test_its_failure_fails_a_run_that_went_well_and_is_only_told_where_another_error_stands() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.failures = {"last": [Boom("late"), Boom("late")], "a": [Boom("early")]}
        finals = FINALLY.replace("test_echo,", "test_echo, on_error: fail,")
        failed = await node.run(with_finally("a: 1; on_error: fail", finals=finals))
        assert failed.error is not None
        assert failed.error["message"] == "Boom: early"
        assert cast("Any", failed.error)["finally_error"]["message"] == "Boom: late"
        ended = await node.run(with_finally("a: 1", finals=finals), run_id="r2")
        assert ended.status == "failed"
        assert ended.error is not None
        assert (ended.error["message"], ended.error["in_finally"]) == ("Boom: late", True)
        assert ended.results == {"a": 1}
        await node.kernel.shutdown()

    run(main())


def test_one_failing_step_of_it_does_not_keep_the_others_from_running() -> None:
    finals = """finally:
  - {name: bad, type: test_echo, value: 1, fail: true, on_error: fail}
  - {name: good, type: test_echo, value: 2}
"""

    async def main() -> None:
        node = await small_node()
        outcome = await node.run(with_finally("a: 1", finals=finals))
        assert (outcome.status, outcome.results["good"]) == ("failed", 2)
        await node.kernel.shutdown()

    run(main())


def test_it_is_bounded_by_a_time_of_its_own() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.gates = {"last": asyncio.Event()}
        await node.submit(with_finally("a: 1", head="finally_timeout_s: 5\n"))
        await until(lambda: node.hands.active == 1)
        clock.advance(5)
        outcome = await node.outcome()
        assert outcome.error is not None and outcome.error["code"] == "finally_timeout"
        await until(lambda: node.hands.active == 0)
        await node.kernel.shutdown()

    run(main())


def test_a_kill_switch_holds_it_like_any_step(tmp_path: Path) -> None:
    async def main() -> None:
        view = KillView()
        node = await small_node(view=view)
        board = await node.kernel.spawn(KillBoard, tmp_path, view, name="kill_board")
        node.hands.gates = {"last": asyncio.Event()}
        await node.submit(with_finally("a: 1"))
        await until(lambda: node.hands.active == 1)
        await board.call(TriggerSwitch("node", "", "stop", "ada"))
        await until(lambda: node.hands.active == 0)
        assert (await node.outcome(timeout_s=0.0)).status == "paused"
        node.hands.gates["last"].set()
        await board.call(ArmSwitch("node", "", "", "ada"))
        assert (await node.outcome()).results["last"] == "succeeded -"
        await node.kernel.shutdown()

    run(main())


NESTED = """
name: outer
steps:
  - name: inner
    type: pipeline
    pipeline:
      name: inner
      steps:
        - {name: a, type: test_echo, value: 1}
      finally:
        - {name: tidy, type: test_echo, value: "{{ workflow.status }} {{ steps.a | default('none') }}"}
  - {name: beside, type: test_echo, value: 1, on_error: fail}
finally:
  - {name: last, type: test_echo, value: 1}
"""


def test_a_nested_pipelines_steps_run_before_the_step_around_it_has_its_result() -> None:
    async def main() -> None:
        node = await small_node()
        outcome = await node.run(NESTED)
        record = await node.record()
        assert outcome.status == "succeeded"
        assert outcome.results["inner"] == {"a": 1}
        assert record.steps["inner/tidy"].result == "succeeded 1"
        order = list(record.steps)
        assert order.index("inner/tidy") < order.index("inner") < order.index("last")
        await node.kernel.shutdown()

    run(main())


def test_a_nested_pipeline_that_is_ended_from_outside_still_runs_its_last_steps_and_first() -> None:
    async def main() -> None:
        for ended_by in ("cancel", "failure"):
            node = await small_node()
            node.hands.gates = {"inner/a": asyncio.Event(), "beside": asyncio.Event()}
            node.hands.failures = {"beside": [Boom("no")]}
            await node.submit(NESTED)
            await until(lambda n=node: n.hands.active == 2)
            if ended_by == "cancel":
                await cancel(node)
            else:
                node.hands.gates["beside"].set()
            outcome = await node.outcome()
            record = await node.record()
            assert outcome.status == ("cancelled" if ended_by == "cancel" else "failed")
            assert record.steps["inner/tidy"].result.endswith(" none")
            order = list(record.steps)
            assert order.index("inner/tidy") < order.index("last")
            await node.kernel.shutdown()

    run(main())


def test_a_timeout_of_a_nested_pipeline_leaves_it_its_last_steps() -> None:
    text = NESTED.replace("    type: pipeline\n", "    type: pipeline\n    config: {timeout_seconds: 3}\n", 1)

    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.gates = {"inner/a": asyncio.Event()}
        await node.submit(text)
        await until(lambda: node.hands.active == 1 and "step_succeeded" in node.kinds("beside"))
        await settle()
        clock.advance(3)
        outcome = await node.outcome()
        assert outcome.error is not None and outcome.error["code"] == "timeout"
        assert (await node.record()).steps["inner/tidy"].result == "failed none"
        await node.kernel.shutdown()

    run(main())


async def killed_in_finally(node: SmallNode, end: str) -> dict[str, Any]:
    """A run that is ended and whose PipelineActor dies between two of its last steps."""
    finals = """finally:
  - {name: first, type: test_echo, value: "{{ workflow.status }}"}
  - {name: second, type: test_echo, value: "{{ steps.first }} again"}
"""
    node.hands.gates = {"a": asyncio.Event(), "second": asyncio.Event()}
    if end == "failure":
        node.hands.failures = {"a": [Boom("no")]}
    await node.submit(with_finally("a: 1; on_error: fail", "b: '{{ steps.a }}'", finals=finals))
    await until(lambda: node.hands.active == 1)
    if end == "cancel":
        await cancel(node)
    else:
        node.hands.gates["a"].set()
    await until(lambda: node.hands.calls["second"] == 1)
    return dict(node.hands.calls)


def test_after_a_crash_it_goes_on_where_it_was_and_repeats_nothing() -> None:
    async def main() -> None:
        for end in ("cancel", "failure"):
            node = await small_node()
            await killed_in_finally(node, end)
            ref = node.kernel.registry.whereis("run.r1.pipeline")
            assert ref is not None
            ref.kill()
            await until(lambda n=node: "run_resumed" in n.kinds())
            node.hands.gates["second"].set()
            outcome = await node.outcome()
            assert outcome.status == ("cancelled" if end == "cancel" else "failed")
            assert node.hands.calls == {"a": 1, "first": 1, "second": 1}
            assert outcome.results["second"] == f"{outcome.status} again"
            await node.kernel.shutdown()

    run(main())


def test_a_cancelled_run_does_not_begin_again_when_the_node_died_in_its_last_steps() -> None:
    async def main() -> None:
        store = MemoryStore()
        first = await small_node(store=store)
        await killed_in_finally(first, "cancel")
        first.top.kill()
        await first.kernel.shutdown()
        second = await small_node(store=store)
        outcome = await second.outcome()
        assert (outcome.status, outcome.results["second"]) == ("cancelled", "cancelled again")
        assert outcome.error is not None and outcome.error["code"] == "cancelled"
        assert second.hands.calls == {"second": 1}
        await second.kernel.shutdown()

    run(main())
