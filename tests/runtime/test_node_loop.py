"""The loop of the node's process: uvloop's or asyncio's, and signals that wake it either way."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

import pytest

from runtime.daemon import EXIT_BAD_CONFIG, DaemonError, run_daemon
from runtime.daemon import keeper as keeping
from runtime.daemon.keeper import GuardKeeper
from runtime.daemon.loop import VARIABLE, node_loop

DEADLINE_S = 20.0


def test_the_node_runs_on_asyncio_where_uvloop_is_not_installed_or_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_asyncios() -> bool:
        loop = node_loop()
        loop.close()
        return isinstance(loop, asyncio.BaseEventLoop)

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert is_asyncios()
    monkeypatch.undo()
    monkeypatch.setenv(VARIABLE, "asyncio")
    assert is_asyncios()


@pytest.mark.parametrize("slip", ["asnycio", "asyncio,uvloop", "trio", "0"])
def test_a_loop_that_there_is_not_is_told_with_those_there_are_before_anything_is_made(
    slip: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, slip)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert run_daemon() == EXIT_BAD_CONFIG
    told = capsys.readouterr().err
    assert f"EVOPIPE_LOOP='{slip}' names no event loop; it may be `asyncio`, `uvloop`, or empty" in told
    assert list(tmp_path.iterdir()) == []


def test_uvloop_where_it_is_wanted_by_name_and_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, " UVLoop ")
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(DaemonError, match="uvloop is not installed here"):
        node_loop()


@pytest.mark.parametrize("wanted", ["", "asyncio"])
def test_a_signal_wakes_an_idle_loop_at_once(wanted: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # No beat comes to its help. (Not SIGUSR1: the guard would stop this very process.)
    monkeypatch.setattr(keeping, "BEAT_S", 10 * DEADLINE_S)
    monkeypatch.setenv(VARIABLE, wanted)

    async def main(keeper: GuardKeeper) -> None:
        loop, heard = asyncio.get_running_loop(), asyncio.Event()

        def hang_up(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(heard.set)

        former = signal.signal(signal.SIGHUP, hang_up)
        beating = asyncio.ensure_future(keeper.beat())
        try:
            await asyncio.sleep(0)
            # Nothing that asyncio knows of: the end of such a child would wake the loop.
            sender = subprocess.Popen(["sh", "-c", 'sleep 0.1; kill -HUP "$0"', str(os.getpid())])
            async with asyncio.timeout(DEADLINE_S):
                await heard.wait()
            sender.wait(DEADLINE_S)
        finally:
            beating.cancel()
            signal.signal(signal.SIGHUP, former)

    with GuardKeeper(tmp_path, tmp_path / "log") as keeper, asyncio.Runner(loop_factory=node_loop) as runner:
        runner.run(main(keeper))
