"""Kill switches with 10,000 live runs, each with a provider's call in flight, in the node's own tree: pool, connections
and actors are the real ones, the vendor behind them never answers, the journal is in memory.

    in_force_ms     from the trigger until the switch forbids every step and call that would begin
    refused_ms      from the trigger until a run that it concerns is refused at the door (a step's and a provider's
                    switch refuse no run: until one that was submitted then stands still)
    calls_cut_s     until the last of the calls in flight was cancelled where the vendor is called
    in_flight_s     until then and until the last run stands still, and says so
    in_flight_cpu_s the processor's time for that: what a machine that has other things to do as well adds is not in it
    by_file_s       as in_flight_s, from the moment the trigger file is there (the board looks every 0.05 s)
    armed_s         from arming until every call is in flight again
    preview_s       what `evopipe kill --dry-run` takes
    late_calls      calls that began after the switch was in force
    failed          runs that ended instead of going on after the arming

Every level is measured: what it costs to find out whom a switch concerns must not depend on the level.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from actors.kernel import ChildSpec, Kernel
from actors.killswitch import ArmSwitch, KillView, TriggerSwitch
from actors.providers import ConnectionActor, ProviderPool, Request, connection_name, pool_name
from actors.runs import KillSwitchedError, PreviewSwitch, RunEvent, RunRequest, SubmitRun
from bench.engine import node
from bench.figures import Scale, in_fresh_process, median
from pipelines.guardrails.kill_switch import Switch, file_of_key, key_of
from pipelines.language import load_pipeline
from runtime.daemon.heap import settle_heap

RUNS = 10_000
ROUNDS = 3
CONNECTIONS = 4
DEADLINE_S = 120.0
VENDOR = "silent"
LEVELS = {
    "node": "",
    "tenant": "ada",
    "evolution": "",
    "pipeline": "held",
    "provider": VENDOR,
    "step": "held/ask",
}
TEXT = "name: held\nsteps: [{name: ask, type: claude, prompt: What is a breakwater?, timeout_s: 600}]"


class Floor:
    """Calls in flight, runs that stand still, and who waits for these to be as many as they want."""

    def __init__(self) -> None:
        self.busy = 0
        self.begun = 0
        self.ended = 0
        self.empty_since = 0.0
        self.held: set[str] = set()
        self._wanted: tuple[Callable[[], bool], asyncio.Event] | None = None

    async def until(self, met: Callable[[], bool]) -> None:
        """Returns as soon as it is met."""
        if not met():
            reached = asyncio.Event()
            self._wanted = (met, reached)
            await asyncio.wait_for(reached.wait(), DEADLINE_S)
            self._wanted = None

    def hear(self, event: object) -> None:
        """A listener to the kernel's events."""
        if isinstance(event, RunEvent):
            if event.kind == "run_paused":
                self.held.add(event.run_id)
            elif event.kind == "run_unpaused":
                self.held.discard(event.run_id)
            elif event.kind in ("run_failed", "run_cancelled", "run_succeeded"):
                self.ended += 1
            self.look()

    def call(self, change: int) -> None:
        """A call has begun or ended."""
        self.busy += change
        self.begun += change > 0
        if self.busy == 0:
            self.empty_since = time.perf_counter()
        self.look()

    def look(self) -> None:
        """Wakes who waits for what there is now."""
        if self._wanted is not None and self._wanted[0]():
            self._wanted[1].set()


class SilentProvider:
    """Never answers, and counts the calls that wait for it."""

    name = VENDOR

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    async def complete(self, request: Request) -> Any:
        """Ends only when it is cancelled."""
        self._floor.call(1)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._floor.call(-1)

    async def aclose(self) -> None:
        """Holds nothing."""


def children(floor: Floor, calls: int) -> tuple[ChildSpec, ...]:
    """The provider's connections and its pool, with room for so many calls."""
    each = calls // CONNECTIONS + 1
    names = tuple(connection_name(VENDOR, number) for number in range(1, CONNECTIONS + 1))
    made = tuple(
        ChildSpec(name, ConnectionActor, (VENDOR, lambda: SilentProvider(floor), each), name=name) for name in names
    )
    return (*made, ChildSpec(pool_name(VENDOR), ProviderPool, (VENDOR, names, each), name=pool_name(VENDOR)))


async def one(level: str, count: int) -> dict[str, float]:
    """The figures of one level's switch in this process."""
    floor, view, name = Floor(), KillView(), LEVELS[level]
    pipeline = load_pipeline(TEXT)
    with tempfile.TemporaryDirectory() as directory:
        kernel = await node(
            Path(directory), view=view, providers={VENDOR: children(floor, count)}, routes={"claude": VENDOR}
        )
        settle_heap()
        kernel.events.subscribe(floor.hear)
        runs, board = kernel.ref("runs"), kernel.ref("kill_board")

        def submit(run_id: str) -> Awaitable[Any]:
            origin = "evolution" if level == "evolution" else "user"
            request = RunRequest(run_id, pipeline, {}, directory, tenant="ada", origin=origin)
            return runs.call(SubmitRun(request), timeout_s=DEADLINE_S)

        await asyncio.gather(*(submit(f"r{number}") for number in range(count)))
        await floor.until(lambda: floor.busy == count)
        key = key_of(level, name)
        switch = Switch(*key, "", "", 0.0)
        preview_s = await timed(lambda: runs.call(PreviewSwitch(switch), timeout_s=DEADLINE_S))

        def all_stand() -> bool:
            return floor.busy == 0 and len(floor.held) + floor.ended >= count

        began, worked, calls = time.perf_counter(), time.process_time(), floor.begun
        board.tell(TriggerSwitch(level, name, "bench", "bench"))
        while key not in view.state:
            await asyncio.sleep(0)
        in_force_ms = (time.perf_counter() - began) * 1000
        refused = asyncio.create_task(_refused(submit, floor))
        await floor.until(all_stand)
        in_flight_s, in_flight_cpu_s = time.perf_counter() - began, time.process_time() - worked
        calls_cut_s = floor.empty_since - began
        refused_ms = (await refused - began) * 1000
        late_calls = floor.begun - calls
        armed_s = await timed(lambda: _armed(kernel, level, name, floor, count))
        failed = floor.ended
        began = time.perf_counter()
        (Path(directory) / "kill" / file_of_key(key)).touch()
        await floor.until(all_stand)
        by_file_s = time.perf_counter() - began
        await kernel.shutdown()
    return {
        "in_force_ms": in_force_ms,
        "refused_ms": refused_ms,
        "calls_cut_s": calls_cut_s,
        "in_flight_s": in_flight_s,
        "in_flight_cpu_s": in_flight_cpu_s,
        "by_file_s": by_file_s,
        "armed_s": armed_s,
        "preview_s": preview_s,
        "late_calls": late_calls,
        "failed": failed,
    }


async def timed(what: Callable[[], Awaitable[Any]]) -> float:
    """Seconds until what it gives is there."""
    began = time.perf_counter()
    await what()
    return time.perf_counter() - began


async def _refused(submit: Callable[[str], Awaitable[Any]], floor: Floor) -> float:
    """When a run that comes now is refused, or stands still."""
    try:
        await submit("late")
    except KillSwitchedError:
        return time.perf_counter()
    while "late" not in floor.held:
        await asyncio.sleep(0)
    return time.perf_counter()


async def _armed(kernel: Kernel, level: str, name: str, floor: Floor, count: int) -> None:
    await kernel.ref("kill_board").call(ArmSwitch(level, name, "bench", "bench"), timeout_s=DEADLINE_S)
    await floor.until(lambda: floor.busy + floor.ended >= count and not floor.held)


def measure(scale: Scale) -> dict[str, Any]:
    """Returns the medians of a few rounds for every level, each round in a fresh process."""
    figures: dict[str, Any] = {}
    count = str(scale.count(RUNS))
    # A look needs no fresh heap for every level.
    for levels in [tuple(LEVELS)] if scale.share < 1 else [(level,) for level in LEVELS]:
        rounds = [in_fresh_process("bench.switches", count, *levels) for _ in range(scale.rounds(ROUNDS))]
        for level in levels:
            figures[level] = {key: median([each[level][key] for each in rounds]) for key in rounds[0][level]}
    return {"live_10000": figures}


if __name__ == "__main__":
    print(json.dumps({level: asyncio.run(one(level, int(sys.argv[1]))) for level in sys.argv[2:]}), flush=True)
