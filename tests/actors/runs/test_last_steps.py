"""A run's last step and its end stand in the journal together, or the end comes afterwards, and never otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors.journal import CloseRun, Ended, EndRun, MemoryStore, NotJsonError, RecordStep
from actors.runs import CancelRun, pipeline_name, step_name, step_records
from actors.runs.finale import Finale
from tests.actors_for_tests import until
from tests.runs_for_tests import SmallNode, echoes, small_node
from tests.support import run

CHAIN = echoes("a: 1", "b: '{{steps.a}}'", "c: '{{steps.b}}'", head="outputs: [c]\n")


class Watched(MemoryStore):
    """Notes what it is given, and may do something first."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []
        self.before_end: Callable[[Watched], object] | None = None

    def write(self, write: Any, at: float) -> Any:
        if isinstance(write, EndRun):
            self.written.append(f"EndRun {write.step.step}")
            before, self.before_end = self.before_end, None
            if before is not None:
                before(self)
        else:
            self.written.append(f"{type(write).__name__} {getattr(write, 'step', '')}".strip())
        return super().write(write, at)


async def watched() -> tuple[SmallNode, Watched]:
    store = Watched()
    return await small_node(store=store), store


def test_the_last_of_a_chain_is_recorded_with_the_end_of_the_run() -> None:
    async def main() -> None:
        node, store = await watched()
        outcome = await node.run(CHAIN)
        assert store.written == ["OpenRun", "RecordStep a", "RecordStep b", "EndRun c"]
        record = await node.record()
        assert (record.status, record.outcome["outputs"]) == ("succeeded", {"c": 1})
        assert record.outcome["duration_s"] == outcome.duration_s
        assert node.kinds() == ["run_accepted", "run_started", "run_succeeded"]
        assert node.events[-2].kind == "step_succeeded", "the step is done before its run is"
        await node.kernel.shutdown()

    run(main())


SIDE_BY_SIDE = echoes("a: 1", "b: 2; depends_on: []", "c: 3; depends_on: []")
WITH_FINALLY = echoes("a: 1", "b: '{{steps.a}}'") + "finally:\n  - {name: f, type: test_echo, value: 3}\n"
WITH_VARIABLE = """
name: p
outputs: {n: "{{state.n}}"}
steps:
  - {name: a, type: test_echo, value: 1}
  - {name: set, type: set_variable, variables: {n: 5}, depends_on: [a]}
"""


@pytest.mark.parametrize("text", [WITH_FINALLY, WITH_VARIABLE], ids=["finally", "set_variable"])
def test_a_run_in_which_something_follows_its_last_step_is_closed_afterwards(text: str) -> None:
    async def main() -> None:
        node, store = await watched()
        assert (await node.run(text)).status == "succeeded"
        assert store.written[-1] == "CloseRun"
        assert not any(each.startswith("EndRun") for each in store.written)
        await node.kernel.shutdown()

    run(main())


def test_steps_side_by_side_close_their_run_once_whichever_is_the_last() -> None:
    async def main() -> None:
        node, store = await watched()
        assert (await node.run(SIDE_BY_SIDE)).results == {"a": 1, "b": 2, "c": 3}
        assert sum("EndRun" in each or each == "CloseRun" for each in store.written) == 1
        await node.kernel.shutdown()

    run(main())


def test_outputs_that_are_not_there_fail_the_run_that_ends_with_its_last_step() -> None:
    async def main() -> None:
        node, store = await watched()
        outcome = await node.run(echoes("b: 2", head="outputs: {x: '{{steps.b.missing}}'}\n"))
        assert outcome.status == "failed"
        assert outcome.error is not None
        assert store.written[-1] == "EndRun b"
        record = await node.record()
        assert (record.status, record.outcome["error"]["code"]) == ("failed", outcome.error["code"])
        await node.kernel.shutdown()

    run(main())


def test_a_result_that_stood_before_is_the_one_that_the_run_ends_with() -> None:
    """A former StepActor's record came through, and nobody was told."""

    async def main() -> None:
        node, store = await watched()
        store.before_end = lambda kept: MemoryStore.write(kept, RecordStep("r1", "c", 1, "succeeded", 8), 1.0)
        outcome = await node.run(CHAIN)
        assert (outcome.results["c"], outcome.outputs) == (8, {"c": 8})
        record = await node.record()
        assert (record.steps["c"].result, record.outcome["outputs"]) == (8, {"c": 8})
        assert store.written[-2:] == ["EndRun c", "CloseRun"]
        await node.kernel.shutdown()

    run(main())


def test_a_run_that_was_ended_otherwise_meanwhile_stays_so() -> None:
    async def main() -> None:
        node, store = await watched()
        store.before_end = lambda kept: MemoryStore.write(kept, CloseRun("r1", "cancelled", {"error": None}), 1.0)
        assert (await node.run(CHAIN)).status == "cancelled"
        assert (await node.record()).status == "cancelled"
        await node.kernel.shutdown()

    run(main())


def test_a_cancellation_before_the_last_result_wins_and_after_it_loses() -> None:
    async def main() -> None:
        node, store = await watched()
        node.hands.gates = {"c": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.calls["c"] == 1)
        assert await node.kernel.ref("runs").call(CancelRun("r1"))
        node.hands.gates["c"].set()
        assert (await node.outcome()).status == "cancelled"
        assert "EndRun c" not in store.written
        await node.run(CHAIN, "r2")
        assert not await node.kernel.ref("runs").call(CancelRun("r2"))
        await node.kernel.shutdown()

    run(main())


class Refusing(MemoryStore):
    """Refuses every end that comes with a step, for what it says."""

    def write(self, write: Any, at: float) -> Any:
        if isinstance(write, EndRun):
            raise NotJsonError("an output cannot be kept as JSON", fix="return plain JSON values")
        return super().write(write, at)


def test_an_end_that_is_refused_does_not_cost_the_step_its_result() -> None:
    async def main() -> None:
        node = await small_node(store=Refusing())
        assert (await node.run(CHAIN)).outputs == {"c": 1}
        record = await node.record()
        assert (record.status, [*record.steps]) == ("succeeded", ["a", "b", "c"])
        await node.kernel.shutdown()

    run(main())


def test_without_its_pipeline_actor_the_last_step_records_its_result_alone() -> None:
    async def main() -> None:
        node, _ = await watched()
        node.hands.gates = {"c": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.calls["c"] == 1)
        node.hands.gates["c"].set()
        node.kernel.ref(pipeline_name("r1")).kill()
        assert (await node.outcome()).outputs == {"c": 1}
        assert node.hands.calls["c"] == 1
        assert (await node.record()).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


@pytest.mark.parametrize("who", [pipeline_name("r1"), step_name("r1", "c")])
def test_whoever_dies_once_the_end_stands_the_run_has_one_end(who: str) -> None:
    async def main() -> None:
        node, store = await watched()

        def die(kept: Watched) -> None:
            reply = MemoryStore.write(kept, EndRun(step, CloseRun("r1", "succeeded", {"outputs": {"c": 1}})), 1.0)
            assert isinstance(reply, Ended)
            node.kernel.ref(who).kill()

        step = RecordStep("r1", "c", 1, "succeeded", 1)
        store.before_end = die
        outcome = await node.run(CHAIN)
        assert (outcome.status, outcome.outputs) == ("succeeded", {"c": 1})
        assert node.kinds().count("run_succeeded") == 1
        await node.kernel.shutdown()

    run(main())


def test_a_cancellation_is_answered_with_what_stands_when_the_end_was_recorded_before_it() -> None:
    async def main() -> None:
        node, store = await watched()
        answers: list[Any] = []
        store.before_end = lambda _: answers.append(
            node.kernel.ref(pipeline_name("r1")).ask(CancelRun("r1"), block=False)
        )
        assert (await node.run(CHAIN)).status == "succeeded"
        assert await answers[0] is False
        assert (await node.record()).status == "succeeded"
        assert node.kinds()[2:] == ["run_succeeded"]
        await node.kernel.shutdown()

    run(main())


@pytest.mark.parametrize("who", ["pipeline", "step"])
def test_whoever_dies_between_the_foreseen_end_and_its_telling_what_is_told_is_what_stands(
    who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is told is the first one's, though its successor has foreseen another or none."""

    async def main() -> None:
        node, _ = await watched()
        killed: list[str] = []
        record, victim = step_records.journal, pipeline_name("r1") if who == "pipeline" else step_name("r1", "c")

        async def die_beside(kernel: Any, entry: Any, patience_s: float) -> Any:
            if not isinstance(entry, EndRun) or killed:
                return await record(kernel, entry, patience_s)
            killed.append(victim)
            if who == "step":
                await record(kernel, entry, patience_s)
            started = len(node.events)
            node.kernel.ref(victim).kill()
            await until(lambda: len(node.events) > started)  # resumed, or restarted
            return await record(kernel, entry, patience_s)

        monkeypatch.setattr(step_records, "journal", die_beside)
        outcome = await node.run(CHAIN)
        kept = (await node.record()).outcome
        assert outcome.status == "succeeded"
        assert (outcome.duration_s, outcome.outputs) == (kept["duration_s"], kept["outputs"])
        assert node.kinds().count("run_succeeded") == 1
        await node.kernel.shutdown()

    run(main())


def test_a_pipeline_actor_that_crashes_when_it_is_asked_costs_the_step_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        node, store = await watched()
        foresee, wrong = Finale.foresee, [TypeError("it cannot tell")]

        def once(finale: Finale, *given: Any) -> CloseRun:
            if wrong:
                raise wrong.pop()
            return foresee(finale, *given)

        monkeypatch.setattr(Finale, "foresee", once)
        assert (await node.run(CHAIN)).outputs == {"c": 1}
        assert node.hands.calls["c"] == 1
        assert store.written[-2:] == ["RecordStep c", "CloseRun"]
        await node.kernel.shutdown()

    run(main())


def test_a_cancellation_of_a_run_that_its_next_pipeline_actor_finds_ended_comes_too_late() -> None:
    async def main() -> None:
        node, store = await watched()
        node.hands.gates = {"c": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.calls["c"] == 1)
        end = CloseRun("r1", "succeeded", {"outputs": {"c": 1}})
        MemoryStore.write(store, EndRun(RecordStep("r1", "c", 1, "succeeded", 1), end), 1.0)
        former, asked = node.kernel.registry.whereis(pipeline_name("r1")), list[Any]()
        load = store.load

        def ask_first(*given: Any, **more: Any) -> Any:
            asked.append(node.kernel.ref(pipeline_name("r1")).ask(CancelRun("r1"), block=False))
            store.load = load
            return load(*given, **more)

        store.load = ask_first
        assert former is not None
        former.kill()
        assert (await node.outcome()).status == "succeeded"
        assert await asked[0] is False
        assert node.kinds().count("run_succeeded") == 1
        await node.kernel.shutdown()

    run(main())
