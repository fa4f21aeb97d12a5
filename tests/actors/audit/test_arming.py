"""Arming a kill switch and its entry in the audit log: the entry first, or no arming."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from actors.audit import AuditBook, AuditLog, AuditPlace, Flush, arming_noted_by, entries_of, listen, segments
from actors.kernel import Kernel, ManualClock
from actors.killswitch import (
    ArmSwitch,
    ArmUnauditedError,
    KillBoard,
    KillView,
    SwitchRetriggeredError,
    SwitchState,
    TriggerSwitch,
)
from pipelines.guardrails import Switch
from tests.support import run


def test_without_an_audit_log_a_switch_trips_and_cannot_be_armed(tmp_path: Path) -> None:
    async def main() -> None:
        kernel, view, book = Kernel(), KillView(), AuditBook()
        noted = arming_noted_by(kernel.ref, kernel.clock.wall)
        stop = listen(kernel, book)
        board = await kernel.spawn(KillBoard, tmp_path, view, note_arming=noted, name="kill_board")
        await board.call(TriggerSwitch("pipeline", "p", "why", "ann"), timeout_s=5)
        assert view.blocked(pipeline="p")
        with pytest.raises(ArmUnauditedError, match="stays triggered, because arming it must be audited"):
            await board.call(ArmSwitch("pipeline", "p", "enough", "ann"), timeout_s=8)
        assert view.blocked(pipeline="p")
        place = AuditPlace.of(tmp_path)
        audit = await kernel.spawn(AuditLog, place, book, name="audit")
        await board.call(ArmSwitch("pipeline", "p", "enough", "bob"), timeout_s=5)
        assert not view.blocked(pipeline="p")
        await audit.call(Flush(), timeout_s=5)
        found = [(entry.action, entry.who, entry.detail["reason"]) for entry in entries_of(segments(place.directory))]
        assert found == [
            ("kill_switch.triggered", "ann", "why"),
            ("kill_switch.arming", "bob", "enough"),
            ("kill_switch.armed", "bob", "enough"),
        ]
        stop()
        await kernel.shutdown()

    run(main(), 20)


def test_a_switch_that_is_triggered_again_while_its_arming_is_noted_stays_triggered(tmp_path: Path) -> None:
    async def main() -> None:
        kernel, view = Kernel(), KillView()
        noting, go_on = asyncio.Event(), asyncio.Event()

        async def note(_switch: Switch, _asked: ArmSwitch) -> None:
            noting.set()
            await go_on.wait()

        board = await kernel.spawn(KillBoard, tmp_path, view, note_arming=note)
        await board.call(TriggerSwitch("node", reason="first"), timeout_s=5)
        arming = asyncio.create_task(board.call(ArmSwitch("node", reason="enough"), timeout_s=5))
        await noting.wait()
        await board.call(TriggerSwitch("node", reason="no"), timeout_s=5)
        go_on.set()
        with pytest.raises(SwitchRetriggeredError):
            await arming
        assert view.blocked()
        await board.call(ArmSwitch("node", reason="now"), timeout_s=5)
        assert not view.blocked()
        await kernel.shutdown()

    run(main())


def test_a_trigger_file_that_appears_while_the_arming_is_noted_is_heard(tmp_path: Path) -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel, view = Kernel(clock=clock), KillView()
        noting, go_on = asyncio.Event(), asyncio.Event()

        async def note(_switch: Switch, _asked: ArmSwitch) -> None:
            noting.set()
            await go_on.wait()

        board = await kernel.spawn(KillBoard, tmp_path, view, note_arming=note)
        await board.call(TriggerSwitch("node", reason="first"), timeout_s=5)
        arming = asyncio.create_task(board.call(ArmSwitch("node", reason="enough"), timeout_s=5))
        await noting.wait()
        (tmp_path / "kill" / "node").touch()
        clock.advance(0.25)
        await board.call(SwitchState(), timeout_s=5)
        go_on.set()
        with pytest.raises(SwitchRetriggeredError):
            await arming
        assert view.blocked()
        await kernel.shutdown()

    run(main())
