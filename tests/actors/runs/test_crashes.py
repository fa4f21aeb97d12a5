"""Kills and crashes in the middle of runs: who comes back, and what is not done twice."""

from __future__ import annotations

import asyncio
from typing import Any

from actors.journal import Journal, JournalUnavailableError, MemoryStore, RecordStep
from actors.kernel import ActorRef, ChildSpec, Kernel, Shutdown, WhichChildren
from actors.runs import PipelineActor, RunRequest, Workbench, pipeline_name, run_name, step_name
from supervisors import DynamicSupervisor, Supervisor
from tests.actors_for_tests import settle, until
from tests.runs_for_tests import SmallNode, echoes, small_node
from tests.support import run

CHAIN = echoes("a: 1", "b: '{{steps.a}}'", "c: '{{steps.b}}'", head="outputs: [c]\n")


def holder(kernel: Kernel, name: str) -> ActorRef[Any]:
    ref = kernel.registry.whereis(name)
    assert ref is not None
    return ref


async def at_b(**more: Any) -> SmallNode:
    """A node whose run has done step a and is inside step b."""
    node = await small_node(**more)
    node.hands.gates = {"b": asyncio.Event()}
    await node.submit(CHAIN)
    await until(lambda: node.hands.calls["b"] == 1)
    return node


def test_a_killed_step_actor_begins_its_step_again() -> None:
    async def main() -> None:
        node = await at_b()
        holder(node.kernel, step_name("r1", "b")).kill()
        await until(lambda: node.hands.calls["b"] == 2)
        node.hands.gates["b"].set()
        assert (await node.outcome()).outputs == {"c": 1}
        assert node.hands.calls == {"a": 1, "b": 2, "c": 1}
        assert node.kinds("b") == ["step_started", "step_restarted", "step_succeeded"]
        assert (await node.record()).steps["b"].attempt == 2
        await node.kernel.shutdown()

    run(main())


def test_a_killed_pipeline_actor_resumes_and_takes_over_the_step_at_work() -> None:
    async def main() -> None:
        node = await at_b()
        holder(node.kernel, pipeline_name("r1")).kill()
        await until(lambda: "run_resumed" in node.kinds())
        node.hands.gates["b"].set()
        assert (await node.outcome()).outputs == {"c": 1}
        assert node.hands.calls == {"a": 1, "b": 1, "c": 1}
        await node.kernel.shutdown()

    run(main())


def test_a_step_that_ends_while_its_pipeline_actor_is_away_is_not_repeated() -> None:
    async def main() -> None:
        node = await at_b()
        node.hands.gates["b"].set()
        holder(node.kernel, pipeline_name("r1")).kill()
        assert (await node.outcome()).status == "succeeded"
        assert node.hands.calls == {"a": 1, "b": 1, "c": 1}
        await node.kernel.shutdown()

    run(main())


def test_pipeline_and_step_killed_together_lose_nothing() -> None:
    async def main() -> None:
        node = await at_b()
        holder(node.kernel, step_name("r1", "b")).kill()
        holder(node.kernel, pipeline_name("r1")).kill()
        await until(lambda: node.hands.calls["b"] >= 2)
        node.hands.gates["b"].set()
        assert (await node.outcome()).outputs == {"c": 1}
        assert (node.hands.calls["a"], node.hands.calls["c"]) == (1, 1)
        await node.kernel.shutdown()

    run(main())


def test_a_killed_steps_supervisor_takes_the_pipeline_actor_along_and_both_come_back() -> None:
    async def main() -> None:
        node = await at_b()
        holder(node.kernel, "run.r1.steps").kill()
        await until(lambda: node.hands.calls["b"] == 2)
        node.hands.gates["b"].set()
        assert (await node.outcome()).status == "succeeded"
        assert node.hands.calls["a"] == 1
        await node.kernel.shutdown()

    run(main())


def test_a_killed_run_supervisor_is_restarted_and_the_run_goes_on() -> None:
    async def main() -> None:
        node = await at_b()
        holder(node.kernel, run_name("r1")).kill()
        await until(lambda: node.hands.calls["b"] == 2)
        node.hands.gates["b"].set()
        assert (await node.outcome()).outputs == {"c": 1}
        await node.kernel.shutdown()

    run(main())


def test_variables_survive_a_killed_pipeline_actor() -> None:
    text = """
name: p
steps:
  - {name: one, type: set_variable, variables: {n: 1}}
  - {name: b, type: test_echo, value: "{{state.n}}"}
  - {name: two, type: set_variable, variables: {n: "{{state.n + 1}}"}, depends_on: [b]}
  - {name: show, type: test_echo, value: "{{state.n}}"}
"""

    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit(text)
        await until(lambda: node.hands.calls["b"] == 1)
        holder(node.kernel, pipeline_name("r1")).kill()
        await until(lambda: "run_resumed" in node.kinds())
        node.hands.gates["b"].set()
        assert (await node.outcome()).results["show"] == 2
        await node.kernel.shutdown()

    run(main())


def test_a_run_whose_tree_gives_up_ends_as_failed() -> None:
    def tree(request: RunRequest, bench: Workbench) -> ChildSpec:
        children = (
            ChildSpec(id="steps", actor_class=DynamicSupervisor, name=f"run.{request.run_id}.steps"),
            ChildSpec(
                id="pipeline",
                actor_class=PipelineActor,
                args=(request, bench),
                name=pipeline_name(request.run_id),
                restart="transient",
                significant=True,
            ),
        )
        return ChildSpec(
            id=request.run_id,
            actor_class=Supervisor,
            args=(children,),
            kwargs={"strategy": "rest_for_one", "auto_shutdown": "any_significant"},
            name=run_name(request.run_id),
            restart="transient",
            type="supervisor",
        )

    async def main() -> None:
        node = await at_b(run_child_spec=tree)
        for _ in range(4):
            holder(node.kernel, pipeline_name("r1")).kill()
            await settle()
        outcome = await node.outcome()
        assert outcome.status == "failed"
        assert outcome.error is not None
        assert outcome.error["code"] == "run_gave_up"
        assert (await node.record()).status == "failed"
        await node.kernel.shutdown()

    run(main())


def test_a_restarted_dispatcher_knows_the_runs_that_live() -> None:
    async def main() -> None:
        node = await at_b()
        dispatcher = holder(node.kernel, "runs")
        dispatcher.kill()
        await until(lambda: node.kernel.registry.whereis("runs") not in (None, dispatcher))
        node.hands.gates["b"].set()
        assert (await node.outcome()).outputs == {"c": 1}
        assert node.hands.calls == {"a": 1, "b": 1, "c": 1}
        await node.kernel.shutdown()

    run(main())


def test_the_next_node_resumes_unfinished_runs_from_their_last_recorded_step() -> None:
    async def main() -> None:
        first = await at_b()
        store = first.store
        await first.kernel.shutdown()
        second = await small_node(store=store)
        assert (await second.outcome()).outputs == {"c": 1}
        assert second.hands.calls == {"b": 1, "c": 1}
        assert second.kinds()[0] == "run_resumed"
        await second.kernel.shutdown()

    run(main())


def test_a_run_whose_recorded_definition_reads_otherwise_now_fails_and_says_so() -> None:
    async def main() -> None:
        first = await at_b()
        store = first.store
        await first.kernel.shutdown()
        opened: Any = store._runs["r1"]  # pyright: ignore[reportPrivateUsage] - tampering is the point
        opened.opened = type(opened.opened)("r1", "p", CHAIN, "0" * 64, {}, {})
        second = await small_node(store=store)
        outcome = await second.outcome()
        assert outcome.error is not None
        assert (outcome.status, outcome.error["code"]) == ("failed", "definition_changed")
        await second.kernel.shutdown()

    run(main())


def test_a_stopped_node_leaves_its_runs_unfinished() -> None:
    async def main() -> None:
        node = await at_b()
        await node.kernel.shutdown()
        assert [record.status for record in node.store.unfinished()] == ["running"]
        assert "run_failed" not in node.kinds()

    run(main())


class FullDisk(MemoryStore):
    """Refuses step records as long as it is full."""

    full = False

    def write(self, write: Any, at: float) -> Any:
        if self.full and isinstance(write, RecordStep):
            raise JournalUnavailableError("no space left on device", path="/state")
        return super().write(write, at)


def test_a_result_waits_for_a_journal_that_cannot_write() -> None:
    async def main() -> None:
        store = FullDisk()
        node = await at_b(store=store)
        store.full = True
        node.hands.gates["b"].set()
        await settle()
        assert node.hands.calls["c"] == 0
        store.full = False
        assert (await node.outcome()).status == "succeeded"
        assert node.hands.calls["b"] == 1
        await node.kernel.shutdown()

    run(main())


def test_a_killed_journal_is_waited_for() -> None:
    async def main() -> None:
        node = await at_b()
        holder(node.kernel, "journal").kill()
        node.hands.gates["b"].set()
        assert (await node.outcome()).outputs == {"c": 1}
        await node.kernel.shutdown()

    run(main())


def test_a_step_that_a_stranger_stops_is_started_again() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit("name: p\nsteps:\n  - {name: b, type: test_echo, value: 7}\n")
        await until(lambda: node.hands.calls["b"] == 1)
        node.kernel.ref(step_name("r1", "b")).exit(Shutdown("a stranger"))
        await until(lambda: node.hands.calls["b"] == 2)
        node.hands.gates["b"].set()
        assert (await node.outcome()).results["b"] == 7
        await node.kernel.shutdown()

    run(main())


def test_without_a_journal_the_supervisors_of_dispatcher_and_run_start_all_the_same() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.calls["b"] == 1)
        top, journal = node.top.resolve(), holder(node.kernel, "journal").resolve()
        assert top is not None and journal is not None
        node.kernel.unlink(top, journal)
        holder(node.kernel, "journal").kill()
        for name in ("runs", pipeline_name("r1"), run_name("r1")):
            holder(node.kernel, name).kill()
            await until(lambda who=name: node.kernel.registry.whereis(who) is not None)
        assert len(await node.top.call(WhichChildren(), timeout_s=1)) == 3
        await node.kernel.spawn(Journal, node.store, name="journal")
        node.hands.gates["b"].set()
        assert (await node.outcome()).status == "succeeded"
        await node.kernel.shutdown()

    run(main())
