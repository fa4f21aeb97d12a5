"""Runs and kill switches: refused, paused, gone on with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actors.kernel import ActorRef, ManualClock, resume, suspend
from actors.killswitch import ArmSwitch, KillBoard, KillView, SwitchState, TriggerSwitch
from actors.providers import ConnectionActor, ProviderPool, connection_name, pool_name
from actors.runs import AwaitRun, KillSwitchedError, PreviewSwitch, pipeline_name
from actors.steps import StepContext
from pipelines.guardrails.kill_switch import Switch, key_of
from tests.actors.providers.fakes import GatedProvider
from tests.actors_for_tests import until
from tests.runs_for_tests import SmallNode, echoes, small_node
from tests.support import run

CHAIN = echoes("a: 1", "b: '{{steps.a}}'")


def test_a_run_however_it_ends_is_taken_off_the_list_of_those_who_are_told(tmp_path: Path) -> None:
    async def main() -> None:
        node, _ = await with_board(tmp_path)
        _, told = node.bench.kill_view.writer()
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.active == 1)
        (first,) = told
        first.kill()
        await until(lambda: "run_resumed" in node.kinds())
        (second,) = told
        assert second is not first
        node.hands.gates["b"].set()
        await node.outcome()
        assert not told
        await node.kernel.shutdown()

    run(main())


async def with_board(tmp_path: Path, **more: Any) -> tuple[SmallNode, ActorRef[KillBoard]]:
    view = KillView()
    node = await small_node(view=view, **more)
    return node, await node.kernel.spawn(KillBoard, tmp_path, view, name="kill_board")


@pytest.mark.parametrize(("level", "name"), [("node", ""), ("pipeline", "p")])
def test_a_triggered_switch_refuses_new_runs_and_says_who_and_why(tmp_path: Path, level: str, name: str) -> None:
    async def main() -> None:
        node, board = await with_board(tmp_path)
        await board.call(TriggerSwitch(level, name, "costs too much", "ada"))
        with pytest.raises(KillSwitchedError, match=f"{level} ?{name} triggered by ada: costs too much"):
            await node.submit(CHAIN)
        await node.submit(echoes("a: 1", name="other")) if level == "pipeline" else None
        await node.kernel.shutdown()

    run(main())


@pytest.mark.parametrize(("level", "name"), [("node", ""), ("pipeline", "p")])
def test_a_switch_stops_what_runs_and_arming_lets_it_go_on(tmp_path: Path, level: str, name: str) -> None:
    async def main() -> None:
        node, board = await with_board(tmp_path)
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.active == 1)
        await board.call(TriggerSwitch(level, name, "stop it", "ada"))
        await until(lambda: "run_paused" in node.kinds())
        await until(lambda: node.hands.active == 0)
        paused = await node.kernel.ref("runs").call(AwaitRun("r1", 0.0))
        assert (paused.status, "stop it" in paused.error["message"]) == ("paused", True)
        node.hands.gates["b"].set()
        await board.call(ArmSwitch(level, name, "checked", "ada"))
        assert (await node.outcome()).status == "succeeded"
        assert node.hands.calls == {"a": 1, "b": 2}
        assert [kind for kind in node.kinds() if "pause" in kind] == ["run_paused", "run_unpaused"]
        await node.kernel.shutdown()

    run(main())


def test_a_paused_run_survives_its_pipeline_actor(tmp_path: Path) -> None:
    async def main() -> None:
        node, board = await with_board(tmp_path)
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.active == 1)
        await board.call(TriggerSwitch("node", "", "stop", "ada"))
        await until(lambda: node.hands.active == 0)
        pipeline = node.kernel.registry.whereis(pipeline_name("r1"))
        assert pipeline is not None
        pipeline.kill()
        await until(lambda: node.kinds().count("run_paused") == 2)
        assert node.hands.calls["b"] == 1
        node.hands.gates["b"].set()
        await board.call(ArmSwitch("node", "", "", "ada"))
        assert (await node.outcome()).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


def test_a_provider_switch_holds_only_the_steps_that_need_the_provider(tmp_path: Path) -> None:
    asked: list[str] = []

    async def ask(context: StepContext) -> Any:
        asked.append(context.key)
        return {"text": "x"}

    text = """
name: p
steps:
  - {name: a, type: claude, prompt: hello}
  - {name: b, type: gemini, prompt: hello}
  - {name: c, type: test_echo, value: 1}
"""

    async def main() -> None:
        routes = {"claude": "anthropic", "gemini": "gemini"}
        node, board = await with_board(tmp_path, executors={"claude": ask, "gemini": ask}, routes=routes)
        await board.call(TriggerSwitch("provider", "anthropic", "outage", "ada"))
        await node.submit(text)
        await until(lambda: "step_succeeded" in node.kinds("b") and "step_succeeded" in node.kinds("c"))
        assert (asked, "run_paused" in node.kinds()) == (["b"], True)
        await board.call(ArmSwitch("provider", "anthropic", "", "ada"))
        assert (await node.outcome()).status == "succeeded"
        assert asked == ["b", "a"]
        await node.kernel.shutdown()

    run(main())


def test_a_run_that_began_while_the_board_was_away_is_stopped_and_let_go_on_all_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        view = KillView()
        node = await small_node(view=view)
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.active == 1)
        board = await node.kernel.spawn(KillBoard, tmp_path, view, name="kill_board")
        await board.call(TriggerSwitch("node", "", "stop it", "ada"))
        await until(lambda: "run_paused" in node.kinds())
        await until(lambda: node.hands.active == 0)
        node.hands.gates["b"].set()
        await board.call(ArmSwitch("node", "", "checked", "ada"))
        assert (await node.outcome()).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


def test_a_board_killed_before_it_told_of_a_change_tells_it_in_its_next_life(tmp_path: Path) -> None:
    async def main() -> None:
        node, board = await with_board(tmp_path)
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.active == 1)
        await board.call(TriggerSwitch("pipeline", "p", "stop it", "ada"))
        await until(lambda: "run_paused" in node.kinds())
        board.kill()
        await board.wait_exit()
        replace, _ = node.bench.kill_view.writer()
        (tmp_path / "kill_switches.json").unlink()
        replace({})
        node.hands.gates["b"].set()
        await node.kernel.spawn(KillBoard, tmp_path, node.bench.kill_view, name="kill_board")
        assert (await node.outcome()).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


LEVELS = [("step", "test_echo"), ("step", "p/b"), ("tenant", "ada")]


@pytest.mark.parametrize(("level", "name"), LEVELS)
def test_a_step_or_tenant_switch_cuts_off_what_it_covers_and_arming_lets_it_go_on(
    tmp_path: Path, level: str, name: str
) -> None:
    async def main() -> None:
        node, board = await with_board(tmp_path)
        node.hands.gates = {"b": asyncio.Event(), "x": asyncio.Event()}
        await node.submit(CHAIN, tenant="ada")
        other = "name: p2\nsteps: [{name: w, type: wait, seconds: 0}, {name: b, type: set_variable, variables: {v: 1}}]"
        await until(lambda: node.hands.active == 1)
        await board.call(TriggerSwitch(level, name, "stop it", "eve"))
        await until(lambda: "run_paused" in node.kinds() and node.hands.active == 0)
        assert (await node.run(other, "r2", tenant="bob")).status == "succeeded"
        node.hands.gates["b"].set()
        await board.call(ArmSwitch(level, name, "checked", "eve"))
        assert (await node.outcome()).status == "succeeded"
        assert node.hands.calls["b"] == 2
        await node.kernel.shutdown()

    run(main())


def test_a_step_switch_covers_what_the_step_consists_of(tmp_path: Path) -> None:
    text = """
name: p
steps:
  - name: each
    type: for_loop
    iterator: item
    data_source: inputs.items
    steps: [{name: body, type: test_echo, value: 1}]
inputs: {items: {type: list}}
"""

    async def main() -> None:
        node, board = await with_board(tmp_path)
        node.hands.gates = {"each[0]/body": asyncio.Event()}
        await node.submit(text, inputs={"items": [1]})
        await until(lambda: node.hands.active == 1)
        await board.call(TriggerSwitch("step", "p/each", "stop it", "eve"))
        await until(lambda: "run_paused" in node.kinds() and node.hands.active == 0)
        node.hands.gates["each[0]/body"].set()
        await board.call(ArmSwitch("step", "p/each", "checked", "eve"))
        assert (await node.outcome()).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


def test_a_tenants_switch_outlives_the_node_with_the_tenants_runs(tmp_path: Path) -> None:
    async def main() -> None:
        node, board = await with_board(tmp_path)
        node.hands.gates = {"b": asyncio.Event()}
        await node.submit(CHAIN, tenant="ada")
        await until(lambda: node.hands.active == 1)
        await board.call(TriggerSwitch("tenant", "ada", "stop it", "eve"))
        with pytest.raises(KillSwitchedError, match="tenant ada"):
            await node.submit(CHAIN, "r3", tenant="ada")
        await node.kernel.shutdown()
        view = KillView()
        again = await small_node(view=view, store=node.store)
        board = await again.kernel.spawn(KillBoard, tmp_path, view, name="kill_board")
        await until(lambda: "run_paused" in again.kinds())
        await board.call(ArmSwitch("tenant", "ada", "checked", "eve"))
        assert (await again.outcome()).status == "succeeded"
        await again.kernel.shutdown()

    run(main())


def test_a_dry_run_tells_what_would_stop_and_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        node, board = await with_board(tmp_path)
        node.hands.gates = {"b": asyncio.Event()}
        for number in range(30):
            await node.submit(CHAIN, f"r{number}", tenant="ada" if number % 2 else "bob")
        await until(lambda: node.hands.active == 30)

        async def reach(level: str, name: str = "") -> tuple[int, int, int]:
            switch = Switch(*key_of(level, name), "", "", 0.0)
            told = await node.kernel.ref("runs").call(PreviewSwitch(switch))
            assert len(told.runs) == min(told.run_count, 20)
            assert told.steps == tuple(f"{run_id}/b" for run_id in told.runs)
            return told.run_count, told.step_count, told.unanswered

        assert await reach("node") == await reach("pipeline", "p") == await reach("step", "p/b") == (30, 30, 0)
        assert await reach("tenant", "ada") == (15, 15, 0)
        assert await reach("evolution") == await reach("provider", "gemini") == await reach("step", "p/a") == (0, 0, 0)
        assert node.hands.active == 30
        assert "run_paused" not in node.kinds()
        await node.kernel.shutdown()
        assert board is not None

    run(main())


def test_a_step_that_swallows_being_cut_off_is_killed_and_held_all_the_same(tmp_path: Path) -> None:
    swallowed: list[str] = []

    async def stubborn(context: StepContext) -> Any:
        while len(swallowed) < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.append(context.key)
        raise AssertionError("a kill was survived")

    async def main() -> None:
        clock = ManualClock()
        node, board = await with_board(tmp_path, clock=clock, executors={"test_echo": stubborn})
        await node.submit(echoes("a: 1"))
        await until(lambda: "step_started" in node.kinds("a"))
        await board.call(TriggerSwitch("node", "", "stop it", "ada"))
        await until(lambda: swallowed == ["a"])
        assert "run_paused" not in node.kinds()
        for _ in range(12):
            clock.advance(0.25)
            await board.call(SwitchState())
        await until(lambda: "run_paused" in node.kinds())
        assert len(node.bench.kill_view.at_work) == 0
        await node.kernel.shutdown()

    run(main())


def test_a_step_that_makes_an_error_of_being_cut_off_is_held_and_not_tried_again(tmp_path: Path) -> None:
    tried: list[int] = []

    async def translating(context: StepContext) -> Any:
        tried.append(context.attempt)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("the connection was lost") from None

    async def main() -> None:
        node, board = await with_board(tmp_path, executors={"test_echo": translating})
        await node.submit(echoes("a: 1; retry: {max_attempts: 5, base_delay_s: 0}"))
        await until(lambda: tried == [1])
        await board.call(TriggerSwitch("step", "test_echo", "stop it", "ada"))
        await until(lambda: "run_paused" in node.kinds())
        assert (tried, "step_retrying" in node.kinds("a")) == ([1], False)
        await node.kernel.shutdown()

    run(main())


def test_a_result_that_is_there_is_recorded_and_not_paid_for_again_after_the_arming(tmp_path: Path) -> None:
    async def main() -> None:
        node, board = await with_board(tmp_path)
        node.hands.gates = {"a": asyncio.Event()}
        await node.submit(CHAIN)
        await until(lambda: node.hands.active == 1)
        journal = node.kernel.ref("journal")
        suspend(journal)
        node.hands.gates["a"].set()
        await until(lambda: node.hands.active == 0)
        await until(lambda: len(node.bench.kill_view.at_work) == 0)
        await board.call(TriggerSwitch("node", "", "stop it", "ada"))
        resume(journal)
        await until(lambda: "run_paused" in node.kinds())
        assert "step_succeeded" in node.kinds("a")
        await board.call(ArmSwitch("node", "", "checked", "ada"))
        assert (await node.outcome()).status == "succeeded"
        assert node.hands.calls == {"a": 1, "b": 1}
        await node.kernel.shutdown()

    run(main())


@pytest.mark.parametrize(("level", "name"), [("node", ""), ("provider", "gated"), ("step", "p/a"), ("tenant", "ada")])
def test_no_call_begins_after_a_kill_also_not_one_that_waited_for_its_place(
    tmp_path: Path, level: str, name: str
) -> None:
    async def main() -> None:
        node, board = await with_board(tmp_path, routes={"claude": "gated"})
        provider = GatedProvider(1)
        names = (connection_name("gated", 1),)
        await node.kernel.spawn(ConnectionActor, "gated", lambda: provider, 2, name=names[0])
        await node.kernel.spawn(ProviderPool, "gated", names, 2, name=pool_name("gated"))
        text = "name: p\nsteps: [{name: a, type: claude, prompt: hello}]"
        for number in range(6):
            await node.submit(text, f"r{number}", tenant="ada")
        await until(lambda: provider.calls == 2)
        await until(lambda: len(node.bench.kill_view.at_work) == 6)
        await board.call(TriggerSwitch(level, name, "stop it", "eve"))
        await until(lambda: node.kinds().count("run_paused") == 6)
        assert (provider.calls, provider.cancelled) == (2, 2)
        provider.gate.set()
        await board.call(ArmSwitch(level, name, "checked", "eve"))
        assert [(await node.outcome(f"r{number}")).status for number in range(6)] == ["succeeded"] * 6
        await node.kernel.shutdown()

    run(main())
