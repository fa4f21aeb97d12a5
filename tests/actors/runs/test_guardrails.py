"""Guardrails while a run goes on and after it: limits of its level, the share of failed steps, the review."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as structs_replace

from actors.journal import LostResult, MemoryStore, ResultLostError
from actors.runs import PipelineActor, RunRequest, Workbench, pipeline_name
from pipelines.guardrails.phases import Level
from supervisors.run_tree import run_tree
from tests.actors_for_tests import until
from tests.runs_for_tests import SmallNode, echoes, small_node
from tests.support import run

RUNTIME: Any = frozenset({"execution_time_limits", "error_rate_monitoring", "token_usage_tracking"})
POST: Any = frozenset({"output_quality_assessment", "performance_metrics_collection"})
FAILING = echoes(
    *(f"s{number}: 1; fail: true; on_error: continue" for number in range(6)),
    "late: 2; depends_on: [s0, s1, s2, s3, s4, s5]",
    name="p",
)


async def guarded(level: Level, store: MemoryStore | None = None) -> SmallNode:
    def spec(request: RunRequest, bench: Workbench) -> Any:
        return run_tree(request.run_id, PipelineActor, (request, replace(bench, levels={level.name: level})))

    return await small_node(store=store, run_child_spec=spec)


def test_a_run_ends_when_too_large_a_share_of_its_steps_fails_by_itself() -> None:
    async def main() -> None:
        node = await guarded(Level("production", runtime_monitoring=RUNTIME, max_error_rate=0.5, min_steps=3))
        outcome = await node.run(FAILING)
        assert outcome.status == "failed"
        assert outcome.error is not None
        assert (outcome.error["code"], outcome.error["rule"]) == ("guardrail", "error_rate_monitoring")
        assert (outcome.error["phase"], outcome.error["level"]) == ("runtime_monitoring", "production")
        assert "late" not in outcome.results
        await node.kernel.shutdown()

    run(main())


def test_the_limits_of_the_level_hold_for_a_run_without_its_own() -> None:
    async def main() -> None:
        level = Level("experimental", runtime_monitoring=RUNTIME, max_seconds=0.05)
        node = await guarded(level)
        node.hands.gates["slow"] = asyncio.Event()
        outcome = await node.run(echoes("slow: 1", head="maturity: experimental\n"))
        assert outcome.error is not None
        assert (outcome.error["code"], outcome.error["limit"]) == ("limit_reached", "max_seconds")
        await node.kernel.shutdown()

    run(main())


def test_what_is_said_after_a_run_is_kept_with_its_outcome() -> None:
    async def main() -> None:
        node = await guarded(Level("production", post_execution=POST))
        outcome = await node.run(echoes("a: 1", "b: 2; fail: true; on_error: continue"))
        review: Any = outcome.review
        assert review["level"] == "production"
        assert review["quality"]["score"] == 0.5
        assert review["quality"]["steps"] == {"continued": 1, "succeeded": 1}
        assert {each["step"] for each in review["metrics"]["slowest"]} == {"a", "b"}
        kept: Any = (await node.record()).outcome
        assert kept["review"] == review
        await node.kernel.shutdown()

    run(main())


def test_a_run_that_cannot_be_reviewed_for_a_lost_result_ends_all_the_same() -> None:
    async def main() -> None:
        store = MemoryStore()
        node = await guarded(Level("production", post_execution=frozenset({"cost_analysis_and_optimization"})), store)
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit(echoes("a: text", "b: 2; depends_on: [a]", head="outputs: [b]\n"))
        await until(lambda: node.hands.calls["b"] == 1)
        load = store.load

        def lossy(*given: Any, **more: Any) -> Any:
            record: Any = load(*given, **more)
            lost = structs_replace(record.steps["a"], result=LostResult(ResultLostError("it is gone"), {}, ()))
            return replace(record, steps={**record.steps, "a": lost})

        store.load = lossy
        node.kernel.ref(pipeline_name("r1")).kill()
        node.hands.gates["b"].set()
        outcome = await node.outcome()
        assert (outcome.status, outcome.review) == ("succeeded", None)
        await node.kernel.shutdown()

    run(main())


def test_without_levels_nothing_is_added_to_an_outcome() -> None:
    async def main() -> None:
        node = await small_node()
        assert (await node.run(echoes("a: 1"))).review is None
        kept: Any = (await node.record()).outcome
        assert "review" not in kept
        await node.kernel.shutdown()

    run(main())
