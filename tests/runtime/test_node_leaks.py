"""The whole node in this process: numbers 67 and 68 of the list of OTP behaviours, with the real tree and socket.

`EVOPIPE_NODE_STARTS` sets how often the node is started and stopped (25; the list's 100 take about a minute).
"""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pykka

from runtime.daemon.places import prepare_places
from runtime.node import Node
from runtime.settings import Settings, load_settings
from tests.actors_for_tests import until
from tests.support import run

STARTS = int(os.environ.get("EVOPIPE_NODE_STARTS", "25"))
RUNS = 6
PIPELINE = """\
name: three_questions
steps:
  - {name: first, type: claude, prompt: "First question"}
  - {name: second, type: gemini, prompt: "Second question"}
  - {name: third, type: claude, prompt: "After {{steps.first.text}} and {{steps.second.text}}"}
"""
# Whose threads are not an actor's: asyncio's pool for blocking calls, which ends with its loop.
POOL = "asyncio_"


@contextmanager
def home(**more: str) -> Generator[tuple[Path, Settings]]:
    """A place of its own for everything a node writes, temporary files included."""
    former = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="evo") as name:
        place = Path(name)
        for below in ("run", "tmp"):
            (place / below).mkdir(mode=0o700)
        settings = load_settings(
            environ={
                "HOME": name,
                "XDG_RUNTIME_DIR": str(place / "run"),
                "XDG_STATE_HOME": str(place / "state"),
                "XDG_CONFIG_HOME": str(place / "config"),
                "EVOPIPE_METRICS__PORT": "0",
                "EVOPIPE_WORKSPACE": str(place / "workspace"),
                **{f"EVOPIPE_{name}": value for name, value in more.items()},
            }
        )
        tempfile.tempdir = str(place / "tmp")
        try:
            prepare_places(settings)
            yield place, settings
        finally:
            tempfile.tempdir = former


def client(settings: Settings) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(settings.socket_path)), base_url="http://evopipe", trust_env=False
    )


@dataclass(frozen=True)
class Held:
    """What a process can leak."""

    tasks: frozenset[asyncio.Task[Any]]
    threads: int
    descriptors: int
    files: frozenset[str]
    pykka_actors: int

    @classmethod
    def now(cls, place: Path) -> Held:
        gc.collect()
        return cls(
            tasks=frozenset(asyncio.all_tasks()),
            threads=sum(not thread.name.startswith(POOL) for thread in threading.enumerate()),
            descriptors=len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0,
            files=frozenset(str(file.relative_to(place)) for file in place.rglob("*")),
            pykka_actors=len(pykka.ActorRegistry.get_all()),
        )


async def start_use_and_stop(settings: Settings) -> None:
    node = Node(settings)
    await node.start()
    async with client(settings) as to_node:
        assert (await to_node.get("/v1/status")).status_code == 200
    await node.stop()
    assert (node.kernel.live, node.kernel.registry.names(), node.kernel.tasks) == (0, (), frozenset())
    assert node.kernel.crashes.pending == 0


def test_68_a_node_that_is_started_and_stopped_time_and_again_leaks_nothing() -> None:
    async def main() -> None:
        with home() as (place, settings):
            threads = threading.active_count()
            for _ in range(2):  # what is made once for a process is made now: the pool, imports, the journal's file
                await start_use_and_stop(settings)
            await until(lambda: _no_more_threads_than(threads), passes=1_000_000)
            before = Held.now(place)
            for _ in range(STARTS):
                await start_use_and_stop(settings)
            await until(lambda: _no_more_threads_than(threads), passes=1_000_000)
            assert Held.now(place) == before

    run(main(), timeout_s=30 + 3 * STARTS)


def _no_more_threads_than(count: int) -> bool:
    return sum(not thread.name.startswith(POOL) for thread in threading.enumerate()) <= count


def test_67_all_tasks_and_threads_of_a_working_node_are_somebodys() -> None:
    async def main() -> None:
        with home(PROVIDERS__OFFLINE__LATENCY_S="0.3") as (_, settings):
            threads, mine = set(threading.enumerate()), asyncio.all_tasks()
            node = Node(settings)
            await node.start()
            strangers: set[str] = set()
            looks = 0
            async with client(settings) as to_node:
                ids = [await _submit(to_node) for _ in range(RUNS)]
                waiting = [asyncio.ensure_future(_outcome(to_node, run_id)) for run_id in ids]
                ours = {*mine, *waiting}
                while not all(task.done() for task in waiting):
                    looks += 1
                    strangers |= _strange_tasks(node, ours) | _strange_threads(node, threads)
                    await asyncio.wait(waiting, timeout=0.01, return_when=asyncio.ALL_COMPLETED)
                assert [task.result() for task in waiting] == ["succeeded"] * RUNS
            assert looks > 1, "nothing was in flight while the test looked"
            assert not strangers
            await node.stop()
            assert asyncio.all_tasks() == mine

    run(main(), timeout_s=60)


async def _submit(to_node: httpx.AsyncClient) -> str:
    answer = await to_node.post("/v1/runs", json={"definition": PIPELINE})
    assert answer.status_code < 300, answer.text
    return answer.json()["run_id"]


async def _outcome(to_node: httpx.AsyncClient, run_id: str) -> str:
    answer = await to_node.get(f"/v1/runs/{run_id}/outcome", params={"wait_s": 30}, timeout=40)
    assert answer.status_code == 200, answer.text
    return answer.json()["status"]


def _strange_tasks(node: Node, ours: set[asyncio.Task[Any]]) -> set[str]:
    """Tasks that no actor owns. uvicorn's requests and asyncio's accepting are the servers'; `node-watch` waits for the
    root's end."""
    found: set[str] = set()
    for task in asyncio.all_tasks() - node.kernel.tasks - ours:
        code: Any = getattr(task.get_coro(), "cr_code", None)
        where = f"{getattr(code, 'co_filename', '?')}:{getattr(code, 'co_qualname', code)}"
        if task.get_name() != "node-watch" and not any(each in where for each in ("/uvicorn/", "/asyncio/")):
            found.add(f"task {task.get_name()}: {where}")
    return found


def _strange_threads(node: Node, before: set[threading.Thread]) -> set[str]:
    """Threads that are neither an actor's (its hands, or the watchdog's eye on the loop) nor the pool's."""
    assert len(pykka.ActorRegistry.get_all()) <= node.kernel.live
    return {
        f"thread {thread.name}"
        for thread in set(threading.enumerate()) - before
        if not thread.name.startswith((POOL, "_Hands", "loop-watchdog"))
    }


def test_a_node_whose_start_fails_leaves_nothing_behind() -> None:
    async def main() -> None:
        with home() as (place, settings):
            await start_use_and_stop(settings)
            settings.socket_path.mkdir()  # no socket can be bound there
            before: Held | None = None
            for _ in range(3):
                threads = threading.active_count()
                node = Node(settings)
                failure = await _raised(node.start)
                assert failure is not None
                await node.stop()
                assert (node.kernel.live, node.kernel.registry.names()) == (0, ())
                await until(lambda threads=threads: _no_more_threads_than(threads), passes=1_000_000)
                now = Held.now(place)
                before = before or now
                assert now == before

    run(main(), timeout_s=60)


async def _raised(start: Callable[[], Any]) -> Exception | None:
    try:
        await start()
    except Exception as error:
        return error
    return None
