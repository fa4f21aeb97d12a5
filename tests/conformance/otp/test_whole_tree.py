"""The tree as a whole, at size: numbers 67, 68 and 70 of the list of OTP behaviours."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from actors.kernel import BlockingActor, ChildSpec, Kernel, LoopWatchdog, StartChild
from supervisors import DynamicSupervisor, Supervisor, snapshot
from tests.actors_for_tests import Boom, Echo, until
from tests.support import run


class Desk(BlockingActor):
    """A worker with a thread and a file."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place = place

    def on_start(self) -> None:
        self.file = self.place.open("a")

    def on_release(self) -> None:
        self.file.close()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        self.file.write(str(message))
        return message


def floors(place: Path) -> list[ChildSpec]:
    """A small node: every kind of actor there is."""
    return [
        ChildSpec(
            "foundation",
            Supervisor,
            ([ChildSpec("desk", Desk, (place,), name="desk"), ChildSpec("watchdog", LoopWatchdog, (0.01, 5.0))],),
            {"strategy": "one_for_all"},
            type="supervisor",
        ),
        ChildSpec("pool", DynamicSupervisor, name="pool", type="supervisor"),
    ]


def descriptors() -> int:
    place = Path("/proc/self/fd")
    return len(list(place.iterdir())) if place.exists() else 0


def test_67_every_thread_and_task_of_a_tree_is_somebodys_and_ends_with_it(tmp_path: Path) -> None:
    async def main() -> None:
        threads, mine = set(threading.enumerate()), asyncio.all_tasks()
        kernel = Kernel()
        top = await kernel.spawn(Supervisor, floors(tmp_path / "desk"))
        for n in range(50):
            await kernel.ref("pool").call(StartChild(ChildSpec(str(n), Echo)))
        working = kernel.ref("desk").ask("work", block=False)
        assert asyncio.all_tasks() - mine <= kernel.tasks
        assert len(set(threading.enumerate()) - threads) == 2
        await working
        kernel.ref("desk").tell(Boom())
        await until(lambda: kernel.registry.whereis("desk") is not None)
        await top.stop()
        assert (kernel.live, kernel.tasks, kernel.registry.names()) == (0, frozenset(), ())
        assert asyncio.all_tasks() == mine
        await until(lambda: set(threading.enumerate()) <= threads, passes=1_000_000)

    run(main())


@pytest.mark.parametrize("end", ["stop", "kill", "shutdown"])
def test_68_a_hundred_whole_trees_leak_no_task_thread_descriptor_or_name(tmp_path: Path, end: str) -> None:
    async def once() -> None:
        kernel = Kernel()
        top = await kernel.spawn(Supervisor, floors(tmp_path / "desk"), name="top")
        for n in range(10):
            await kernel.ref("pool").call(StartChild(ChildSpec(str(n), Echo)))
        assert await kernel.ref("desk").call("x") == "x"
        if end == "shutdown":
            await kernel.shutdown()
        elif end == "stop":
            await top.stop()
        else:
            top.kill()
            await until(lambda: kernel.live == 0, passes=1_000_000)
        await until(lambda: not kernel.tasks)
        assert kernel.registry.names() == ()

    async def main() -> None:
        threads = threading.active_count()
        await once()
        await until(lambda: threading.active_count() <= threads, passes=1_000_000)
        gc.collect()
        before = (len(asyncio.all_tasks()), descriptors())
        for _ in range(100):
            await once()
        await until(lambda: threading.active_count() <= threads, passes=1_000_000)
        gc.collect()
        assert (len(asyncio.all_tasks()), descriptors()) == before

    run(main(), timeout_s=60)


def test_70_a_snapshot_of_ten_thousand_actors_is_complete() -> None:
    # That it takes at most 50 ms is shown by `python -m bench actors`: a loaded machine must not fail a test.
    async def main() -> None:
        kernel = Kernel()
        top = await kernel.spawn(Supervisor, [ChildSpec("pool", DynamicSupervisor, name="pool", type="supervisor")])
        for n in range(10_000):
            await kernel.ref("pool").call(StartChild(ChildSpec(str(n), Echo)))
        (picture,) = snapshot(kernel)
        pool: dict[str, Any] = picture["children"][0]
        assert (pool["name"], len(pool["children"])) == ("pool", 10_000)
        await top.stop()

    run(main(), timeout_s=60)
