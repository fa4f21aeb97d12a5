"""The fallback in the node's real tree: what it may spend, what it leaves behind, and what happens when it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.journal import Journal, MemoryStore, OpenRun
from actors.kernel import Kernel
from actors.killswitch import KillView, TriggerSwitch
from actors.providers import Answer, Request, TransientError, UnavailableError
from actors.runs import AwaitRun, RunEvent, RunOutcome, RunRequest, SubmitRun
from pipelines.guardrails.kill_switch import Level, Switch
from pipelines.language import build_pipeline, to_yaml
from tests.support import run
from tests.tree_for_tests import answer_of, in_tree

KEYS = {"anthropic": True, "gemini": True, "offline": False}


async def anthropic_is_down(provider: str, request: Request) -> Answer:
    if provider == "anthropic":
        raise UnavailableError("key_rejected", provider, "no")
    return answer_of(provider, request)


async def submit(kernel: Kernel, directory: Path, *steps: dict[str, Any], **more: Any) -> str:
    pipeline = build_pipeline({"name": "report", "steps": list(steps), **more})
    return await kernel.ref("runs").call(SubmitRun(RunRequest("run-1", pipeline, {}, str(directory))))


async def outcome(kernel: Kernel) -> RunOutcome:
    return await kernel.ref("runs").call(AwaitRun("run-1", 20), timeout_s=25)


def events_of(kernel: Kernel) -> list[RunEvent]:
    events: list[RunEvent] = []
    kernel.events.subscribe(lambda event: events.append(event) if isinstance(event, RunEvent) else None)
    return events


def test_a_healed_step_leaves_the_files_that_it_was_to_leave(tmp_path: Path) -> None:
    async def main(kernel: Kernel) -> RunOutcome:
        tasks = [{"id": "a", "prompt": "Part A", "output_to_file": "a.txt"}, {"id": "b", "prompt": "Part B"}]
        await submit(
            kernel,
            tmp_path,
            {"name": "ask", "type": "claude", "prompt": "Say it", "output_to_file": "said.txt"},
            {"name": "parts", "type": "parallel_claude", "parallel_tasks": tasks, "output_to_file": "parts.md"},
        )
        return await outcome(kernel)

    ended = run(in_tree(tmp_path / "state", KEYS, main, play=anthropic_is_down), 40)
    assert ended.status == "succeeded", ended.error
    assert ended.results["ask"]["recovery"]["strategy"] == "other_provider"
    files = {each.name: each.read_text() for each in (tmp_path / "outputs").iterdir()}
    assert (files["said.txt"], files["a.txt"]) == ("Say it", "Part A")
    assert "Part B" in files["parts.md"]


def test_a_fallback_killed_in_the_middle_of_its_search_is_asked_again(tmp_path: Path) -> None:
    async def main(kernel: Kernel) -> RunOutcome:
        events = events_of(kernel)
        struck: list[bool] = []

        def strike(event: Any) -> None:
            if isinstance(event, RunEvent) and event.run_id != "run-1" and event.kind == "step_started" and not struck:
                struck.append(True)
                kernel.ref("fallback").kill()

        kernel.events.subscribe(strike)
        await submit(kernel, tmp_path, {"name": "ask", "type": "claude", "prompt": "Say it"})
        ended = await outcome(kernel)
        assert struck
        assert [event.kind for event in events if event.run_id == "run-1"].count("fallback_started") == 1
        return ended

    ended = run(in_tree(tmp_path / "state", KEYS, main, play=anthropic_is_down), 40)
    assert ended.status == "succeeded", ended.error


def in_fallback(
    tmp_path: Path, act: Callable[[Kernel, KillView], Any], cancelled: asyncio.Event | None = None
) -> tuple[list[str], list[RunEvent]]:
    """A run whose step is being recovered by gemini, which has failed once; `act` is done before its second try."""
    asked: list[str] = []
    view = KillView()
    found: list[list[RunEvent]] = []

    async def main(kernel: Kernel) -> None:
        first, ended = asyncio.Event(), asyncio.Event()
        found.append(events_of(kernel))

        async def play(provider: str, request: Request) -> Answer:
            asked.append(provider)
            if provider == "anthropic":
                raise UnavailableError("key_rejected", provider, "no")
            first.set()
            raise TransientError("overloaded", provider, "busy")

        plays.append(play)

        def watch(event: Any) -> None:
            if isinstance(event, RunEvent) and event.kind in {"run_paused", "run_cancelled"}:
                ended.set()

        kernel.events.subscribe(watch)
        await submit(kernel, tmp_path, {"name": "ask", "type": "claude", "prompt": "Say it"})
        await asyncio.wait_for(first.wait(), 10)
        await act(kernel, view)
        await asyncio.wait_for(ended.wait(), 10)

    plays: list[Any] = []

    async def later(provider: str, request: Request) -> Answer:
        return await plays[0](provider, request)

    run(in_tree(tmp_path / "state", KEYS, main, play=later, view=view), 40)
    return asked, found[0]


def test_a_kill_switch_on_the_failed_pipeline_holds_for_the_calls_that_are_made_for_it(tmp_path: Path) -> None:
    async def act(_kernel: Kernel, view: KillView) -> None:
        # Nobody is told: what counts is what the fallback's own next call finds.
        replace, _ = view.writer()
        switch = Switch(Level.PIPELINE, "report", "wrong", "ops", 0.0)
        replace({switch.key: switch})

    asked, events = in_fallback(tmp_path, act)
    assert asked == ["anthropic", "gemini"]
    assert any(event.kind == "run_paused" and event.run_id != "run-1" for event in events)


def test_a_kill_switch_cancels_the_alternative_in_flight(tmp_path: Path) -> None:
    async def act(kernel: Kernel, _view: KillView) -> None:
        await kernel.ref("kill_board").call(TriggerSwitch("pipeline", "report", "wrong", "ops"))

    asked, events = in_fallback(tmp_path, act)
    assert asked == ["anthropic", "gemini"]
    assert any(event.kind == "run_paused" and event.run_id == "run-1" for event in events)


def test_an_alternative_that_outlived_its_node_is_not_gone_on_with(tmp_path: Path) -> None:
    store = MemoryStore()
    pipeline = build_pipeline({"name": "fallback_x", "steps": [{"name": "answer", "type": "claude", "prompt": "Say"}]})
    asked: list[str] = []

    async def before() -> None:
        kernel = Kernel()
        await kernel.spawn(Journal, store, name="journal")
        meta: dict[str, Any] = {"workspace": str(tmp_path), "origin": "fallback", "parent": "run-1", "depth": 1}
        entry = OpenRun("run-1", pipeline.name, to_yaml(pipeline), pipeline.content_hash, {}, meta, None)
        await kernel.ref("journal").call(entry)
        await kernel.shutdown()

    async def play(provider: str, request: Request) -> Answer:
        asked.append(provider)
        return answer_of(provider, request)

    run(before())
    ended = run(in_tree(tmp_path / "state", KEYS, outcome, store, play), 40)
    assert ended.status == "cancelled"
    assert asked == []
