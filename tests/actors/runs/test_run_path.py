"""The way of a run from its request to its outcome."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter

import pytest

from actors.kernel import ManualClock
from actors.runs import (
    AwaitRun,
    CancelRun,
    Drain,
    DrainingError,
    GetRun,
    ListRuns,
    NoSuchRunError,
    RunEvents,
    RunRequest,
    RunStillRunningError,
    SubmitRun,
    TooManyRunsError,
)
from pipelines.language import InvalidInputsError, load_pipeline
from tests.actors_for_tests import settle, until
from tests.runs_for_tests import echoes, small_node
from tests.support import run

CHAIN = echoes("a: 1", "b: '{{steps.a}}'", "c: '{{steps.b}}'", head="outputs: [c]\n")


def test_a_run_gives_its_outputs_and_every_result() -> None:
    async def main() -> None:
        node = await small_node()
        outcome = await node.run(CHAIN)
        assert (outcome.status, outcome.outputs, outcome.error) == ("succeeded", {"c": 1}, None)
        assert outcome.results == {"a": 1, "b": 1, "c": 1}
        await node.kernel.shutdown()

    run(main())


def test_events_come_in_order_with_rising_numbers() -> None:
    async def main() -> None:
        node = await small_node()
        await node.run(CHAIN)
        assert [event.seq for event in node.events] == list(range(1, len(node.events) + 1))
        assert node.kinds() == ["run_accepted", "run_started", "run_succeeded"]
        assert node.kinds("a") == ["step_started", "step_succeeded"]
        kept = await node.kernel.ref("runs").call(RunEvents("r1", since=2))
        assert kept == tuple(node.events[2:])
        await node.kernel.shutdown()

    run(main())


def test_nothing_of_a_run_is_left_after_its_end() -> None:
    async def main() -> None:
        node = await small_node()
        before = node.kernel.live
        await node.run(CHAIN)
        await until(lambda: node.kernel.live == before)
        await node.kernel.shutdown()

    run(main())


def test_a_run_leaves_nothing_for_the_garbage_collector() -> None:
    """Thousands of runs end in a second: what they leave must be freed by reference counts alone."""

    async def main() -> None:
        node = await small_node()
        before, pipeline, runs = node.kernel.live, load_pipeline(CHAIN), node.kernel.ref("runs")

        async def one(run_id: str) -> None:
            await runs.call(SubmitRun(RunRequest(run_id, pipeline, {}, "/nonexistent")))
            await node.outcome(run_id)
            await until(lambda: node.kernel.live == before)

        await one("first")
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for number in range(5):
                await one(f"r{number}")
            gc.collect()
            left = Counter(type(each).__name__ for each in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert not left & Counter(["PipelineActor", "StepActor", "Supervisor", "Cell", "ActorRef", "Frame", "Crew"])
        await node.kernel.shutdown()

    run(main())


def test_independent_steps_run_side_by_side_and_dependents_wait() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"a": asyncio.Event(), "b": asyncio.Event()}
        await node.submit(echoes("a: 1", "b: 2", "c: '{{steps.a}}-{{steps.b}}'"))
        await until(lambda: node.hands.active == 2)
        node.hands.gates["a"].set()
        await until(lambda: node.hands.active == 1)
        assert node.hands.calls["c"] == 0
        node.hands.gates["b"].set()
        assert (await node.outcome()).results["c"] == "1-2"
        await node.kernel.shutdown()

    run(main())


def test_a_step_is_recorded_before_its_dependents_start() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.calls["b"] == 1)
        record = await node.record()
        assert {key: step.status for key, step in record.steps.items()} == {"a": "succeeded"}
        node.hands.gates["b"].set()
        await node.outcome()
        await node.kernel.shutdown()

    run(main())


def test_a_condition_that_does_not_hold_skips_the_step_and_dependents_still_run() -> None:
    async def main() -> None:
        node = await small_node()
        outcome = await node.run(echoes("a: 1", "b: 2; condition: a > 5", "c: '{{steps.b.skipped}}'"))
        assert outcome.results["b"] == {"success": True, "skipped": True, "reason": "Condition not met: a > 5"}
        assert outcome.results["c"] is True
        assert (node.hands.calls["b"], node.kinds("b")) == (0, ["step_started", "step_skipped"])
        await node.kernel.shutdown()

    run(main())


def test_variables_are_seen_by_later_steps() -> None:
    text = """
name: p
steps:
  - {name: one, type: set_variable, variables: {n: 1}}
  - {name: two, type: set_variable, variables: {n: "{{state.n + 1}}", old: "{{state.n}}"}}
  - {name: show, type: test_echo, value: "{{state.n}}/{{state.old}}"}
"""

    async def main() -> None:
        node = await small_node()
        assert (await node.run(text)).results["show"] == "2/1"
        await node.kernel.shutdown()

    run(main())


def test_inputs_are_checked_typed_and_filled_in() -> None:
    text = echoes("a: '{{inputs.n + 1}}{{inputs.word}}'", head="inputs: {n: {type: integer}, word: {default: x}}\n")

    async def main() -> None:
        node = await small_node()
        with pytest.raises(InvalidInputsError, match="'n' is required"):
            await node.submit(text)
        assert (await node.run(text, inputs={"n": "4"})).results["a"] == "5x"
        await node.kernel.shutdown()

    run(main())


def test_an_idempotency_key_gives_the_run_that_has_it() -> None:
    async def main() -> None:
        node = await small_node()
        assert await node.submit(CHAIN, "r1", idempotency_key="k") == "r1"
        assert await node.submit(CHAIN, "r2", idempotency_key="k") == "r1"
        await node.outcome("r1")
        assert await node.submit(CHAIN, "r3", idempotency_key="k") == "r1"
        assert sum(node.hands.calls.values()) == 3
        with pytest.raises(NoSuchRunError):
            await node.outcome("r3")
        await node.kernel.shutdown()

    run(main())


def test_a_known_idempotency_key_gives_its_run_also_where_a_new_one_is_kept_out() -> None:
    async def main() -> None:
        node = await small_node(dispatcher={"max_live_runs": 1})
        node.hands.gates = {"a": asyncio.Event()}
        await node.submit(CHAIN, "r1", idempotency_key="k")
        assert await node.submit(CHAIN, "r2", idempotency_key="k") == "r1"
        with pytest.raises(TooManyRunsError):
            await node.submit(CHAIN, "r3", idempotency_key="another")
        node.hands.gates["a"].set()
        await node.outcome("r1")
        await node.kernel.ref("runs").call(Drain(1.0))
        assert await node.submit(CHAIN, "r4", idempotency_key="k") == "r1"
        with pytest.raises(DrainingError):
            await node.submit(CHAIN, "r5", idempotency_key="another")
        assert sum(node.hands.calls.values()) == 3
        await node.kernel.shutdown()

    run(main())


def test_the_same_run_id_again_is_the_same_run() -> None:
    async def main() -> None:
        node = await small_node(dispatcher={"keep_finished": 0})
        await node.run(CHAIN)
        assert (await node.run(CHAIN)).status == "succeeded"
        assert sum(node.hands.calls.values()) == 3
        await node.kernel.shutdown()

    run(main())


def test_awaiting_ends_at_its_deadline_and_the_run_goes_on() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.gates = {"a": asyncio.Event()}
        await node.submit(CHAIN)
        waiting = asyncio.ensure_future(node.outcome(timeout_s=3))
        await until(lambda: node.hands.active == 1)
        await settle()
        clock.advance(3)
        with pytest.raises(RunStillRunningError, match="within 3 s"):
            await waiting
        node.hands.gates["a"].set()
        assert (await node.outcome()).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


def test_cancelling_interrupts_what_runs() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"a": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.active == 1)
        assert await node.kernel.ref("runs").call(CancelRun("r1")) is True
        outcome = await node.outcome()
        assert (outcome.status, node.hands.active) == ("cancelled", 0)
        assert await node.kernel.ref("runs").call(CancelRun("r1")) is False
        assert (await node.record()).status == "cancelled"
        assert node.kinds()[-1] == "run_cancelled"
        await node.kernel.shutdown()

    run(main())


def test_runs_are_shown_with_their_steps_and_an_unknown_one_is_an_error() -> None:
    async def main() -> None:
        node = await small_node(dispatcher={"keep_finished": 0})
        await node.run(CHAIN)
        runs = node.kernel.ref("runs")
        info = await runs.call(GetRun("r1"))
        assert (info.status, info.pipeline_name) == ("succeeded", "p")
        assert info.steps == {"a": "succeeded", "b": "succeeded", "c": "succeeded"}
        assert [each.run_id for each in await runs.call(ListRuns())] == ["r1"]
        assert (await runs.call(AwaitRun("r1"))).outputs == {"c": 1}
        with pytest.raises(NoSuchRunError):
            await runs.call(GetRun("nobody"))
        await node.kernel.shutdown()

    run(main())


def test_no_more_live_runs_than_the_limit() -> None:
    async def main() -> None:
        node = await small_node(dispatcher={"max_live_runs": 1})
        node.hands.gates = {"a": asyncio.Event()}
        await node.submit(CHAIN, "r1")
        with pytest.raises(TooManyRunsError):
            await node.submit(CHAIN, "r2")
        node.hands.gates["a"].set()
        await node.outcome("r1")
        assert (await node.run(CHAIN, "r2")).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


def test_a_run_too_many_is_told_when_to_come_again_by_how_fast_runs_end() -> None:
    async def main() -> None:
        node = await small_node(dispatcher={"max_live_runs": 1})
        for number in range(5):
            await node.run(CHAIN, f"ended {number}")
        node.hands.gates = {"a": asyncio.Event()}
        await node.submit(CHAIN, "r1")
        waits = list[float]()
        for number in range(300):
            with pytest.raises(TooManyRunsError) as caught:
                await node.submit(CHAIN, f"too many {number}")
            waits.append(caught.value.retry_after_s)
        assert 1.0 <= waits[0] <= waits[-1] <= 300.0
        node.hands.gates["a"].set()
        await node.outcome("r1")
        await node.kernel.shutdown()

    run(main())


def test_one_tenant_at_its_limit_keeps_no_other_out() -> None:
    async def main() -> None:
        node = await small_node(dispatcher={"max_live_runs_per_tenant": 1})
        node.hands.gates = {"a": asyncio.Event()}
        await node.submit(CHAIN, "r1", tenant="ann")
        with pytest.raises(TooManyRunsError, match="1 runs of ann are live already"):
            await node.submit(CHAIN, "r2", tenant="ann")
        await node.submit(CHAIN, "r3", tenant="bob")
        node.hands.gates["a"].set()
        await node.outcome("r1")
        await node.outcome("r3")
        assert (await node.run(CHAIN, "r2", tenant="ann")).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


def test_draining_lets_live_runs_end_and_no_new_one_in() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"a": asyncio.Event()}
        await node.submit(CHAIN)
        draining = asyncio.ensure_future(node.kernel.ref("runs").call(Drain(5.0), timeout_s=6.0))
        await until(lambda: node.hands.active == 1)
        await settle()
        with pytest.raises(DrainingError):
            await node.submit(CHAIN, "r2")
        node.hands.gates["a"].set()
        assert await draining == 0
        await node.kernel.shutdown()

    run(main())


def test_a_declared_output_that_is_not_there_fails_the_run() -> None:
    async def main() -> None:
        node = await small_node()
        outcome = await node.run(echoes("a: 1", head="outputs: [{path: a.b}]\n"))
        assert outcome.status == "failed"
        assert outcome.error is not None
        assert outcome.error["code"] == "output_error"
        await node.kernel.shutdown()

    run(main())
