"""Runs and kill switches: refused, paused, gone on with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actors.kernel import ActorRef
from actors.killswitch import ArmSwitch, KillBoard, KillView, TriggerSwitch
from actors.runs import AwaitRun, KillSwitchedError, pipeline_name
from actors.steps import StepContext
from tests.actors_for_tests import until
from tests.runs_for_tests import SmallNode, echoes, small_node
from tests.support import run

CHAIN = echoes("a: 1", "b: '{{steps.a}}'")


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
