"""The memory keeps what helped, across restarts and bad disks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from actors.disk import Turn
from actors.kernel import Kernel
from actors.memory import PatternDatabase, PatternsSetAside, PatternsUnsaved, Recall, Remember
from actors.memory.patterns import MAX_PATTERNS, PatternFile, counted
from pipelines.recovery import Experience, Strategy
from tests.disk_for_tests import HeldSave
from tests.support import run


async def spoken_to(directory: Path, *messages: Any, events: list[Any] | None = None) -> Any:
    """The reply to the last of `messages`, from a database that starts before and stops after them."""
    kernel = Kernel()
    if events is not None:
        kernel.events.subscribe(events.append)
    memory = await kernel.spawn(PatternDatabase, directory, name="memory")
    reply = None
    for message in messages:
        reply = await memory.call(message)
    await kernel.shutdown()
    return reply


def test_what_helped_is_recalled_by_step_type_and_error_after_a_restart(tmp_path: Path) -> None:
    learn = [Remember("claude", "overloaded", "other_provider", fitted) for fitted in (True, False, True)]
    run(spoken_to(tmp_path, *learn, Remember("gemini", "overloaded", "other_provider", True)))
    recalled = run(spoken_to(tmp_path, Recall("claude", "overloaded")))
    assert recalled == {"other_provider": Experience(2, 3)}
    assert run(spoken_to(tmp_path, Recall("claude", "other"))) == {}


def test_the_file_is_for_the_owner_only(tmp_path: Path) -> None:
    run(spoken_to(tmp_path, Remember("claude", "x", "other_provider", True)))
    assert (tmp_path / "patterns.json").stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["patterns.json"]


def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path) -> None:
    (tmp_path / "patterns.json").write_text("{not json")
    events: list[Any] = []
    assert run(spoken_to(tmp_path, Recall("claude", "x"), events=events)) == {}
    (event,) = [each for each in events if isinstance(each, PatternsSetAside)]
    assert Path(event.kept_as).read_text() == "{not json"
    assert not (tmp_path / "patterns.json").exists()


def test_impossible_counts_are_damage_too(tmp_path: Path) -> None:
    pattern = {"step_type": "a", "error_code": "b", "strategy": "other_provider", "successes": -1, "attempts": 1}
    (tmp_path / "patterns.json").write_text(json.dumps({"version": 1, "patterns": [pattern]}))
    events: list[Any] = []
    assert run(spoken_to(tmp_path, Recall("a", "b"), events=events)) == {}
    assert any(isinstance(each, PatternsSetAside) for each in events)


def test_a_disk_that_refuses_is_said_and_does_not_end_the_memory(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    events: list[Any] = []
    reply = run(spoken_to(blocked / "dir", Remember("a", "b", "other_provider", True), Recall("a", "b"), events=events))
    assert reply == {"other_provider": Experience(1, 1)}
    assert any(isinstance(each, PatternsUnsaved) for each in events)


def test_a_write_left_behind_by_a_killed_memory_does_not_mix_with_its_successors(tmp_path: Path) -> None:
    path = tmp_path / "patterns.json"
    used: list[str] = []

    class Watched(PatternFile):
        def _replace(self, text: str, turn: Turn) -> None:
            before = set(tmp_path.iterdir())

            def look(_descriptor: int) -> None:
                used.extend(each.name for each in set(tmp_path.iterdir()) - before if each.suffix == ".new")

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "fsync", look)
                super()._replace(text, turn)

    for _ in range(2):
        Watched(path).save({("a", "b", "other_provider"): Experience(1, 1)}, Turn(path))
        path.unlink()
    assert len(set(used)) == 2


def test_a_write_that_a_killed_memory_had_under_way_is_not_written_over_its_successors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> dict[Strategy, Experience]:
        disk = HeldSave(monkeypatch, PatternFile)
        kernel = Kernel()
        killed = await kernel.spawn(PatternDatabase, tmp_path, name="memory")
        disk.hold()
        killed.tell(Remember("a", "b", "other_provider", False))
        await disk.entered()
        killed.kill()
        await killed.wait_exit()
        memory = await kernel.spawn(PatternDatabase, tmp_path, name="memory")
        await memory.call(Remember("a", "b", "other_provider", True))
        await memory.stop()
        await disk.let_go()
        await kernel.shutdown()
        return await spoken_to(tmp_path, Recall("a", "b"))

    assert run(main()) == {"other_provider": Experience(1, 1)}


def test_the_memory_is_bounded_and_forgets_what_was_touched_longest_ago() -> None:
    patterns = {("t", f"c{n}", "other_provider"): Experience(1, 1) for n in range(MAX_PATTERNS)}
    touched = counted(patterns, ("t", "c0", "other_provider"), True)  # pyright: ignore[reportArgumentType]
    grown = counted(touched, ("t", "new", "other_provider"), False)
    assert len(grown) == MAX_PATTERNS
    assert ("t", "c0", "other_provider") in grown and ("t", "c1", "other_provider") not in grown
