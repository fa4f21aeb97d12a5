"""The conversations' file while everything ends at once."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from actors.kernel import Kernel
from actors.sessions import ListSessions, SessionDesk
from tests.actors_for_tests import settle
from tests.support import open_files, run


class Watched:
    """Stands for the store. Its use waits for the gate."""

    used = threading.Event()
    gate = threading.Event()
    at_it = 0
    log: list[str] = []

    def __init__(self, path: Path) -> None:
        pass

    def sessions(self, limit: int) -> tuple[Any, ...]:
        Watched.at_it += 1
        self.used.set()
        self.gate.wait(10)
        self.log.append("used")
        Watched.at_it -= 1
        return ()

    def close(self) -> None:
        self.log.append("closed" if Watched.at_it == 0 else "closed under a thread's hands")


def nothing_of(_answer: Any) -> dict[str, Any]:
    return {}


def test_the_file_is_not_closed_while_a_thread_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        kernel = Kernel()
        desk = await kernel.spawn(SessionDesk, tmp_path, nothing_of)
        desk.tell(ListSessions(1))
        await asyncio.to_thread(Watched.used.wait, 10)
        for task in kernel.tasks:
            task.cancel()
        ending = asyncio.ensure_future(kernel.shutdown())
        await settle(500)  # time for a close that does not wait
        Watched.gate.set()
        await ending
        assert Watched.log == ["used", "closed"]

    monkeypatch.setattr("actors.sessions.desk.SessionStore", Watched)
    run(main())


@pytest.mark.parametrize("killed", [False, True])
def test_however_a_desk_ends_it_leaves_no_file_open_and_no_thread(tmp_path: Path, killed: bool) -> None:
    async def main() -> None:
        kernel, before = Kernel(), set(threading.enumerate())
        desk = await kernel.spawn(SessionDesk, tmp_path, nothing_of)
        assert await desk.call(ListSessions(1)) == ()
        (thread,) = set(threading.enumerate()) - before
        assert open_files(tmp_path)
        if killed:
            desk.kill()
        else:
            desk.stop(block=False)
        await desk.wait_exit()
        assert killed or open_files(tmp_path) == []
        await asyncio.to_thread(thread.join, 10)
        assert (thread.is_alive(), open_files(tmp_path)) == (False, [])
        await kernel.shutdown()

    run(main())
