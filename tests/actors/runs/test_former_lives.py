"""A node that starts takes its unfinished runs up from one reading of the journal, and never from a stale one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from actors.journal import MemoryStore, RunRecord, StepRecord, Stored
from actors.kernel import Actor, ChildSpec
from actors.runs import CancelRun, RunRequest, Workbench, pipeline_name, request_of
from actors.runs.former_lives import FormerLives
from actors.runs.pipeline_actor import PipelineActor
from pipelines.language import load_pipeline
from supervisors.run_tree import run_tree
from tests.actors_for_tests import until
from tests.runs_for_tests import SmallNode, echoes, small_node
from tests.support import run

CHAIN = echoes("a: 1", "b: '{{steps.a}}'", "c: '{{steps.b}}'", head="outputs: [c]\n")
RUNS = ("r1", "r2", "r3")


class CountedStore(MemoryStore):
    """Counts how often each run is read by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = Counter[str]()

    def load(self, run_id: str, *, whole: bool = True, under: str = "") -> RunRecord | None:
        if not under:
            self.loads[run_id] += 1
        return super().load(run_id, whole=whole, under=under)


class Waits(Actor):
    """Holds up whoever starts it."""

    def __init__(self, gate: asyncio.Event) -> None:
        super().__init__()
        self._gate = gate

    async def on_start(self) -> None:
        async with asyncio.timeout(10):
            await self._gate.wait()


async def left_at_b() -> CountedStore:
    """The journal of a node that ended while all its runs were inside step b."""
    store = CountedStore()
    node = await small_node(store=store)
    node.hands.gates = {"b": asyncio.Event()}
    for run_id in RUNS:
        await node.submit(CHAIN, run_id)
    await until(lambda: node.hands.calls["b"] == len(RUNS))
    await node.kernel.shutdown()
    store.loads.clear()
    return store


async def at_b_again(store: MemoryStore, **more: Any) -> SmallNode:
    node = await small_node(store=store, **more)
    node.hands.gates = {"b": asyncio.Event()}
    return node


def recorded(run_id: str, stored: Stored | None = None, definition_hash: str = "h") -> RunRecord:
    steps = {"a": StepRecord(run_id, "a", 1, "succeeded", 1, 0.0, stored)}
    return RunRecord(run_id, "p", CHAIN, definition_hash, {}, {}, "running", steps)


def test_a_start_takes_up_all_runs_without_reading_one_of_them_again() -> None:
    async def main() -> None:
        store = await left_at_b()
        node = await at_b_again(store)
        await until(lambda: node.hands.calls["b"] == len(RUNS))
        assert store.loads == {}
        assert [event.run_id for event in node.events if event.kind == "run_resumed"] == list(RUNS), "oldest first"
        node.hands.gates["b"].set()
        for run_id in RUNS:
            assert (await node.outcome(run_id)).outputs == {"c": 1}
        assert node.hands.calls == {"b": 3, "c": 3}
        await node.kernel.shutdown()

    run(main())


def test_a_run_that_was_taken_up_is_read_again_when_its_pipeline_actor_is_restarted() -> None:
    async def main() -> None:
        store = await left_at_b()
        node = await at_b_again(store)
        node.hands.gates["c"] = asyncio.Event()
        node.hands.gates["b"].set()
        await until(lambda: node.hands.calls["c"] == len(RUNS))
        node.kernel.ref(pipeline_name("r2")).kill()
        await until(lambda: node.kinds().count("run_resumed") == len(RUNS) + 1)
        node.hands.gates["c"].set()
        assert (await node.outcome("r2")).outputs == {"c": 1}
        assert (store.loads["r2"], node.hands.calls["b"]) == (1, len(RUNS)), "b was done in this life: not repeated"
        await node.kernel.shutdown()

    run(main())


def test_a_restarted_dispatcher_does_not_hand_on_what_it_reads_while_runs_live() -> None:
    async def main() -> None:
        store = await left_at_b()
        node = await at_b_again(store)
        await until(lambda: node.hands.calls["b"] == len(RUNS))
        former = node.kernel.ref("runs")
        former.kill()
        await until(lambda: node.kernel.registry.whereis("runs") not in (None, former))
        node.hands.gates["b"].set()
        assert (await node.outcome("r1")).outputs == {"c": 1}
        assert all(node.bench.former_lives.take(run_id) is None for run_id in RUNS)
        assert node.hands.calls == {"b": 3, "c": 3}
        await node.kernel.shutdown()

    run(main())


def test_a_run_that_is_cancelled_before_its_turn_is_not_taken_up() -> None:
    async def main() -> None:
        store, gate = await left_at_b(), asyncio.Event()

        def spec_of(request: RunRequest, bench: Workbench) -> ChildSpec:
            if request.run_id == "r1":
                return run_tree("r1", Waits, (gate,))
            return run_tree(request.run_id, PipelineActor, (request, bench))

        node = await at_b_again(store, run_child_spec=spec_of)
        assert await node.kernel.ref("runs").call(CancelRun("r2")) is True
        assert node.bench.former_lives.take("r2") is None, "nobody goes by what was read before the cancellation"
        gate.set()
        await until(lambda: node.hands.calls["b"] == 1)
        assert (await node.outcome("r2")).status == "cancelled"
        assert [event.run_id for event in node.events if event.kind == "run_resumed"] == ["r3"]
        await node.kernel.shutdown()

    run(main())


def test_a_record_is_given_once_and_not_after_something_was_written() -> None:
    lives = FormerLives()
    lives.keep([recorded("r1"), recorded("r2")])
    assert lives.take("r1") == recorded("r1")
    assert lives.take("r1") is None
    lives.forget("r2")
    assert lives.take("r2") is None


def test_only_what_was_read_before_any_run_lived_is_kept() -> None:
    lives = FormerLives()
    lives.keep([])
    lives.keep([recorded("r1")])
    assert lives.take("r1") is None


def test_a_run_with_a_large_result_is_left_to_be_read_whole() -> None:
    lives = FormerLives()
    lives.keep([recorded("r1", Stored("0" * 64, 300_000, "x")), recorded("r2")])
    assert lives.take("r1") is None
    assert lives.take("r2") is not None


def test_of_runs_that_are_taken_up_together_each_definition_is_read_once_and_still_compared() -> None:
    pipeline = load_pipeline(CHAIN)
    known = {CHAIN: pipeline}
    request = request_of(recorded("r1", definition_hash=pipeline.content_hash), known)
    assert isinstance(request, RunRequest)
    assert request.pipeline is pipeline
    refused = request_of(recorded("r2", definition_hash="0" * 64), known)
    assert isinstance(refused, dict)
    assert refused["code"] == "definition_changed"
    known.clear()
    assert isinstance(request_of(recorded("r3", definition_hash=pipeline.content_hash), known), RunRequest)
    assert list(known) == [CHAIN]
