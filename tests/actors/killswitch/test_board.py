"""The KillBoard: in force at once, latched, kept over restarts, fail-closed; trigger files and subscribers."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.disk import Turn
from actors.kernel import Actor, ActorRef, Kernel, ManualClock
from actors.killswitch import (
    ArmSwitch,
    BoardState,
    KillBoard,
    KillFiles,
    KillStateUnsaved,
    KillStateUnsavedError,
    KillView,
    Subscribe,
    SwitchArmed,
    SwitchChanged,
    SwitchHeldByFileError,
    SwitchRetriggeredError,
    SwitchState,
    SwitchTriggered,
    Triggered,
    TriggerSwitch,
    UnknownTriggerFile,
    Unsubscribe,
)
from pipelines.guardrails import InvalidSwitchError, Level, NotTriggeredError
from pipelines.guardrails.kill_switch import label
from tests.disk_for_tests import HeldSave
from tests.support import run


class Node:
    """A kernel, a board and a view on one state directory, with time in the test's hands."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.clock = ManualClock()
        self.kernel = Kernel(clock=self.clock)
        self.view = KillView()
        self.events: list[Any] = []
        self.kernel.events.subscribe(self.events.append)
        self.board: ActorRef[Any] = self.kernel.ref("kill_board")

    async def start_board(self) -> None:
        await self.kernel.spawn(KillBoard, self.state_dir, self.view, name="kill_board")

    async def poll(self, times: int = 1) -> BoardState:
        for _ in range(times):
            self.clock.advance(0.25)
            await self.board.call(SwitchState())
        return await self.board.call(SwitchState())

    def seen(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def node(state_dir: Path) -> AsyncGenerator[Node]:
    made = Node(state_dir)
    await made.start_board()
    yield made
    await made.kernel.shutdown(timeout_s=2.0)


class Listener(Actor):
    """Keeps what the board sends, and says when it has something."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, ...]] = []

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, SwitchChanged):
            self.heard.append(tuple(f"{s.level} {s.name}".strip() for s in message.triggered))
        return self.heard


def test_a_trigger_is_in_force_and_on_the_disk_before_the_reply(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path / "state") as n:
            reply: Triggered = await n.board.call(TriggerSwitch("pipeline", "digest", "too dear", "ada"))
            assert reply.saved
            switch = n.view.blocked(pipeline="digest", provider="offline")
            assert switch is not None
            assert switch == reply.switch
            assert (switch.reason, switch.who, switch.at) == ("too dear", "ada", n.clock.wall())
            assert n.view.blocked(pipeline="other") is None
            file = tmp_path / "state" / "kill_switches.json"
            assert "digest" in file.read_text()
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
            assert sorted(p.name for p in file.parent.iterdir()) == ["kill", "kill_switches.json"]
            assert n.seen(SwitchTriggered) == [SwitchTriggered(switch)]

    run(main())


def test_a_trigger_that_is_only_told_is_in_force_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            n.board.tell(TriggerSwitch("node", "", "signal", "SIGUSR1"))
            state: BoardState = await n.board.call(SwitchState())
            assert [s.level for s in state.triggered] == [Level.NODE]

    run(main())


def test_a_second_trigger_leaves_the_first_ones_reason(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            await n.board.call(TriggerSwitch("node", "", "first", "ada"))
            reply: Triggered = await n.board.call(TriggerSwitch("node", "", "second", "bob"))
            assert (reply.switch.reason, reply.saved) == ("first", True)

    run(main())


def test_a_switch_stays_triggered_over_a_restart_of_the_node(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            await n.board.call(TriggerSwitch("provider", "gemini", "leak", "ada"))
        async with node(tmp_path) as n:
            assert n.view.blocked(provider="gemini") is not None
            await n.board.call(ArmSwitch("provider", "gemini", "mended", "bob"))
            assert n.view.blocked(provider="gemini") is None
            assert n.seen(SwitchArmed)[0].who == "bob"
        async with node(tmp_path) as n:
            assert n.view.triggered == ()

    run(main())


def test_a_killed_board_leaves_its_switches_in_force_and_comes_back_with_them(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            listener = await n.kernel.spawn(Listener)
            await n.board.call(Subscribe(listener))
            await n.board.call(TriggerSwitch("pipeline", "p", "r", "w"))
            board = n.kernel.registry.whereis("kill_board")
            assert board is not None
            board.kill()
            await board.wait_exit()
            assert n.view.blocked(pipeline="p") is not None
            await n.start_board()
            assert [s.name for s in (await n.board.call(SwitchState())).triggered] == ["p"]
            await n.board.call(TriggerSwitch("node", "", "r", "w"))
            assert (await listener.call("heard"))[-1] == ("pipeline p", "node")

    run(main())


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"version": 9}', b'{"version": 1, "triggered": [7]}'])
def test_a_state_that_cannot_be_read_stops_the_node_until_it_is_armed(tmp_path: Path, content: bytes) -> None:
    async def main() -> None:
        file = tmp_path / "kill_switches.json"
        file.write_bytes(content)
        async with node(tmp_path) as n:
            switch = n.view.blocked(pipeline="any")
            assert switch is not None
            assert str(file) in switch.reason
            assert file.read_bytes() == content, "left as it is until somebody decides"
            await n.board.call(ArmSwitch("node", "", "looked at it", "ada"))
            assert n.view.blocked() is None
            assert (tmp_path / "kill_switches.json.unreadable").read_bytes() == content
        async with node(tmp_path) as n:
            assert n.view.triggered == ()

    run(main())


def test_a_pipe_in_place_of_the_state_file_stops_the_node_and_does_not_hold_up_its_start(tmp_path: Path) -> None:
    async def main() -> None:
        os.mkfifo(tmp_path / "kill_switches.json")
        async with node(tmp_path) as n:
            assert n.view.blocked() is not None

    run(main())


def test_a_state_file_that_is_a_directory_stops_the_node(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "kill_switches.json").mkdir()
        async with node(tmp_path) as n:
            assert n.view.blocked() is not None

    run(main())


def test_a_trigger_file_triggers_within_one_poll(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            (tmp_path / "kill" / "provider.gemini").touch()
            await n.poll()
            switch = n.view.blocked(provider="gemini")
            assert switch is not None
            assert (switch.who, "provider.gemini" in switch.reason) == (f"file of uid {os.getuid()}", True)
            (tmp_path / "kill" / "node").touch()
            await n.poll()
            assert n.view.blocked() is not None

    run(main())


def test_a_trigger_file_says_why_and_one_that_cannot_be_read_triggers_all_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            (tmp_path / "kill" / "step.p%2Fask").write_text("too \x1b[1mdear\nmore", encoding="utf-8")
            os.mkfifo(tmp_path / "kill" / "tenant.ada")  # opened to read, it would hold up the loop for ever
            (tmp_path / "kill" / "evolution").symlink_to("/dev/zero")
            (tmp_path / "kill" / "pipeline.q").mkdir()
            await n.poll()
            told = {label(switch.key): switch for switch in n.view.triggered}
            assert told.keys() == {"step p/ask", "tenant ada", "evolution", "pipeline q"}
            assert told["step p/ask"].reason.startswith("too [1mdear (trigger file ")
            assert told["evolution"].who == "file"

    run(main())


def test_a_trigger_file_from_before_the_start_is_in_force_when_the_board_has_started(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "kill").mkdir()
        (tmp_path / "kill" / "node").touch()
        async with node(tmp_path) as n:
            assert n.view.blocked() is not None

    run(main())


def test_removing_the_trigger_file_does_not_arm(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            file = tmp_path / "kill" / "pipeline.p"
            file.touch()
            await n.poll()
            file.unlink()
            await n.poll(3)
            assert n.view.blocked(pipeline="p") is not None

    run(main())


def test_arming_while_the_trigger_file_exists_is_refused_and_names_the_file(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            file = tmp_path / "kill" / "node"
            file.touch()
            await n.poll()
            with pytest.raises(SwitchHeldByFileError, match=str(file)):
                await n.board.call(ArmSwitch("node", "", "r", "w"))
            assert n.view.blocked() is not None
            file.unlink()
            await n.board.call(ArmSwitch("node", "", "r", "w"))
            assert n.view.blocked() is None

    run(main())


def test_a_file_that_names_no_switch_is_reported_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            (tmp_path / "kill" / "nod").touch()
            (tmp_path / "kill" / ".hidden").touch()
            (tmp_path / "kill" / "pipeline.\udcff").touch()
            await n.poll(3)
            assert n.seen(UnknownTriggerFile) == [
                UnknownTriggerFile(str(tmp_path / "kill" / name)) for name in ("nod", "pipeline.\\udcff")
            ]
            assert n.view.triggered == ()

    run(main())


def test_a_trigger_directory_that_stays_unreadable_stops_the_node(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            (tmp_path / "kill").rmdir()
            (tmp_path / "kill").write_text("not a directory")
            state = await n.poll(3)
            assert n.view.blocked() is None
            assert "kill cannot be read" in state.problems[0]
            await n.poll()
            assert n.view.blocked() is not None
            with pytest.raises(SwitchHeldByFileError, match="mend"):
                await n.board.call(ArmSwitch("node", "", "r", "w"))

    run(main())


def test_a_trigger_directory_that_was_removed_is_made_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            (tmp_path / "kill").rmdir()
            await n.poll()
            assert (tmp_path / "kill").is_dir()
            assert n.view.triggered == ()

    run(main())


@pytest.mark.parametrize(("level", "name"), [("galaxy", ""), ("pipeline", ""), ("node", "x")])
def test_a_switch_that_cannot_be_is_refused_and_the_board_lives(tmp_path: Path, level: str, name: str) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            for message in (TriggerSwitch(level, name), ArmSwitch(level, name)):
                with pytest.raises(InvalidSwitchError):
                    await n.board.call(message)
            assert (await n.board.call(SwitchState())).triggered == ()

    run(main())


def test_arming_what_is_not_triggered_is_an_error(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            with pytest.raises(NotTriggeredError):
                await n.board.call(ArmSwitch("node"))

    run(main())


class BrokenDisk:
    """Makes saving fail, or wait, while it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails = False
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        save = KillFiles.save

        def guarded(files: KillFiles, triggered: Any, turn: Turn) -> None:
            self.entered.set()
            assert self.gate.wait(5.0)
            if self.fails:
                raise OSError(28, "No space left on device")
            save(files, triggered, turn)

        monkeypatch.setattr(KillFiles, "save", guarded)


def test_a_trigger_that_cannot_be_saved_is_in_force_reported_and_saved_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        disk = BrokenDisk(monkeypatch)
        async with node(tmp_path) as n:
            disk.fails = True
            reply: Triggered = await n.board.call(TriggerSwitch("node", "", "r", "w"))
            assert not reply.saved
            assert "No space left" in reply.problem
            assert n.view.blocked() is not None
            assert len(n.seen(KillStateUnsaved)) == 1
            state: BoardState = await n.board.call(SwitchState())
            assert (state.saved, len(state.problems)) == (False, 1)
            disk.fails = False
            disk.entered.clear()
            await n.poll()
            again: Triggered = await n.board.call(TriggerSwitch("node", "", "r", "w"))
            assert again.saved
            assert (await n.board.call(SwitchState())).problems == ()
        async with node(tmp_path) as n:
            assert n.view.blocked() is not None

    run(main())


def test_a_stopping_board_saves_what_is_not_on_the_disk_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        disk = BrokenDisk(monkeypatch)
        async with node(tmp_path) as n:
            disk.fails = True
            await n.board.call(TriggerSwitch("node", "", "r", "w"))
            disk.fails = False
        async with node(tmp_path) as n:
            assert n.view.blocked() is not None

    run(main())


@pytest.mark.parametrize("arming", [False, True])
def test_a_save_that_is_under_way_as_the_board_stops_is_not_written_over_the_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arming: bool
) -> None:
    save, slow, later = KillFiles.save, threading.Event(), threading.Event()
    reached, written = threading.Event(), threading.Event()

    def slow_once(files: KillFiles, triggered: Any, turn: Turn) -> None:
        if slow.is_set():
            slow.clear()
            reached.set()
            later.wait(0.3)  # for one that does not wait for this
            save(files, triggered, turn)
            written.set()
        else:
            save(files, triggered, turn)
            later.set()

    monkeypatch.setattr(KillFiles, "save", slow_once)

    async def main() -> None:
        async with node(tmp_path) as n:
            await n.board.call(TriggerSwitch("pipeline", "first"))
            later.clear()
            slow.set()
            n.board.tell(ArmSwitch("pipeline", "first") if arming else TriggerSwitch("pipeline", "second"))
            assert await asyncio.to_thread(reached.wait, 5.0)
            n.board.tell(TriggerSwitch("node", "", "r", "w"))
            await n.board.call(SwitchState())
            await n.board.stop()
            assert await asyncio.to_thread(written.wait, 5.0)
        async with node(tmp_path) as n:
            assert "node" in [s.level for s in n.view.triggered]

    run(main())


@pytest.mark.parametrize("triggers", [0, 1], ids=["an idle life", "a life that saves"])
@pytest.mark.parametrize("damaged", [False, True], ids=["as written", "damaged"])
def test_an_arming_that_a_killed_board_had_under_way_never_reaches_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, triggers: int, damaged: bool
) -> None:
    if damaged:
        (tmp_path / "kill_switches.json").write_bytes(b"damaged")

    async def main() -> None:
        disk = HeldSave(monkeypatch, KillFiles)
        async with node(tmp_path) as n:
            if not damaged:
                await n.board.call(TriggerSwitch("node", "", "r", "w"))
            disk.hold()
            n.board.tell(ArmSwitch("node"))
            await disk.entered()
            n.board.kill()
            await n.board.wait_exit()
            await n.start_board()
            for number in range(triggers):
                assert (await n.board.call(TriggerSwitch("pipeline", f"p{number}"))).saved
            await disk.let_go()
            assert n.view.blocked() is not None
            n.board.kill()
        async with node(tmp_path) as n:
            assert n.view.blocked() is not None
            assert len(n.view.triggered) == 1 + triggers

    run(main())


def test_arming_that_cannot_be_saved_leaves_the_switch_triggered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        disk = BrokenDisk(monkeypatch)
        async with node(tmp_path) as n:
            await n.board.call(TriggerSwitch("node", "", "r", "w"))
            disk.fails = True
            with pytest.raises(KillStateUnsavedError, match=r"stays triggered.*No space left"):
                await n.board.call(ArmSwitch("node", "", "r", "w"))
            assert n.view.blocked() is not None
            disk.fails = False
            reply: Triggered = await n.board.call(TriggerSwitch("pipeline", "p"))
            assert reply.saved
        async with node(tmp_path) as n:
            assert [s.level for s in n.view.triggered] == ["node", "pipeline"]

    run(main())


def test_a_switch_stays_in_force_until_its_arming_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        disk = BrokenDisk(monkeypatch)
        async with node(tmp_path) as n:
            await n.board.call(TriggerSwitch("node", "", "r", "w"))
            disk.gate.clear()
            disk.entered.clear()
            arming = asyncio.ensure_future(n.board.call(ArmSwitch("node", "", "r", "w")))
            assert await asyncio.to_thread(disk.entered.wait, 5.0)
            assert n.view.blocked() is not None
            disk.gate.set()
            await arming
            assert n.view.blocked() is None

    run(main())


def test_a_trigger_during_arming_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        disk = BrokenDisk(monkeypatch)
        async with node(tmp_path) as n:
            await n.board.call(TriggerSwitch("node", "", "r", "w"))
            disk.gate.clear()
            disk.entered.clear()
            arming = asyncio.ensure_future(n.board.call(ArmSwitch("node", "", "r", "w")))
            assert await asyncio.to_thread(disk.entered.wait, 5.0)
            triggering = n.board.ask(TriggerSwitch("node", "", "again", "w"), block=False)
            await n.board.call(SwitchState())
            disk.gate.set()
            with pytest.raises(SwitchRetriggeredError):
                await arming
            assert (await triggering).saved
            assert n.view.blocked() is not None
        async with node(tmp_path) as n:
            assert n.view.blocked() is not None

    run(main())


def test_an_arming_whose_caller_gives_up_leaves_the_switch_triggered_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        disk = BrokenDisk(monkeypatch)
        async with node(tmp_path) as n:
            await n.board.call(TriggerSwitch("node", "", "r", "w"))
            disk.gate.clear()
            disk.entered.clear()
            arming = asyncio.ensure_future(n.board.call(ArmSwitch("node", "", "r", "w")))
            assert await asyncio.to_thread(disk.entered.wait, 5.0)
            arming.cancel()
            await n.board.call(SwitchState())
            disk.gate.set()
            assert (await n.board.call(TriggerSwitch("pipeline", "p"))).saved
            assert n.view.blocked() is not None
        async with node(tmp_path) as n:
            assert [s.level for s in n.view.triggered] == ["node", "pipeline"]

    run(main())


def test_subscribers_hear_of_every_change_and_first_of_what_is_in_force(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            early, late = await n.kernel.spawn(Listener), await n.kernel.spawn(Listener)
            await n.board.call(Subscribe(early))
            await n.board.call(TriggerSwitch("pipeline", "p"))
            await n.board.call(Subscribe(late))
            await n.board.call(ArmSwitch("pipeline", "p"))
            assert await early.call("heard") == [("pipeline p",), ()]
            assert await late.call("heard") == [("pipeline p",), ()]
            await n.board.call(Unsubscribe(early))
            early.stop()
            await early.wait_exit()
            late.kill()
            await late.wait_exit()
            await n.board.call(TriggerSwitch("node"))
            assert n.view.writer()[1] == {}

    run(main())


class Deaf(Actor):
    """Has room for one message and takes its time."""

    mailbox_limit = 1

    def __init__(self, hears: asyncio.Event, heard: list[SwitchChanged]) -> None:
        super().__init__()
        self._hears = hears
        self._heard = heard

    async def on_receive(self, message: Any) -> None:
        if message == "start":
            await self._hears.wait()
        elif isinstance(message, SwitchChanged):
            self._heard.append(message)


def test_a_subscriber_with_a_full_mailbox_hears_of_the_change_at_a_later_poll(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as n:
            hears, heard = asyncio.Event(), list[SwitchChanged]()
            deaf = await n.kernel.spawn(Deaf, hears, heard)
            await n.board.call(Subscribe(deaf))
            started = deaf.ask("start", block=False)
            await n.board.call(SwitchState())
            deaf.tell("fills the mailbox")
            await n.board.call(TriggerSwitch("node"))
            hears.set()
            await started
            await deaf.call("empty now")
            assert heard == []
            await n.poll()
            await deaf.call("empty now")
            assert heard == [SwitchChanged(n.view.triggered)]

    run(main())


def test_reading_the_view_costs_next_to_nothing_when_nothing_is_triggered() -> None:
    import timeit

    view = KillView()
    seconds = timeit.timeit(lambda: view.blocked(pipeline="p", provider="x"), number=100_000)
    assert seconds / 100_000 < 5e-6
