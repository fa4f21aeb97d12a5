"""The kernel beside raw `pykka.ThreadingActor`: starts, memory, calls, waiting actors, recovery.

Every figure comes from a process of its own (`python -m bench.actors <what> <count>`), so that none profits or
suffers from another one's heap.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from actors.kernel import Actor, ActorDeadError, ActorRef, ChildSpec, Kernel, StartChild
from bench.figures import Scale, in_fresh_process, median, percentile, resident_kb

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for an answer."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Asks for an answer after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Break:
    """Makes the actor raise."""


class Echo(Actor):
    """Does what the three messages ask for."""

    async def on_receive(self, message: Any) -> Any:
        match message:
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Break():
                raise RuntimeError("broken on request")
            case _:
                return message
        return None


class PlainEcho(Actor):
    """The same for calls, with a handler that is a plain function."""

    def on_receive(self, message: Any) -> Any:
        return message


class AsyncStart(PlainEcho):
    """The same with a start that is a coroutine, so that the kernel has to give it a task."""

    async def on_start(self) -> None:
        """Does nothing, asynchronously."""


async def spawn_and_memory(kernel: Kernel, count: int) -> dict[str, float]:
    """Starts `count` idle actors one after another: starts per second and KB of resident memory each.

    The memory is taken twice, before and after each of them has answered one call, because what an actor
    allocates at its first message belongs to an idle actor of a real node too.
    """
    for _ in range(100):
        await kernel.spawn(PlainEcho)
    gc.collect()
    before_kb = resident_kb()
    started = time.perf_counter()
    refs = [await kernel.spawn(PlainEcho) for _ in range(count)]
    elapsed = time.perf_counter() - started
    fresh_kb = (resident_kb() - before_kb) / count
    for ref in refs:
        await ref.call(count)
    used_kb = (resident_kb() - before_kb) / count
    return {"spawns_per_s": count / elapsed, "kb_per_fresh_actor": fresh_kb, "kb_per_actor": used_kb}


async def supervised(kernel: Kernel, count: int) -> dict[str, float]:
    """Starts `count` actors with an async `on_start` under one dynamic supervisor: what the node does for a run."""
    from supervisors import DynamicSupervisor

    supervisor = await kernel.spawn(DynamicSupervisor)
    started = time.perf_counter()
    for number in range(count):
        await supervisor.call(StartChild(ChildSpec(str(number), AsyncStart, restart="temporary")))
    return {"supervised_spawns_per_s": count / (time.perf_counter() - started)}


async def calls(kernel: Kernel, count: int) -> dict[str, float]:
    """Calls one actor `count` times in a row, from a task on the loop."""
    figures: dict[str, float] = {}
    for label, actor in (("calls_per_s", PlainEcho), ("calls_to_async_handler_per_s", Echo)):
        ref: ActorRef[Any] = await kernel.spawn(actor)
        message = Ping()
        started = time.perf_counter()
        for _ in range(count):
            await ref.call(message)
        figures[label] = count / (time.perf_counter() - started)
    return figures


async def waiting(kernel: Kernel, count: int) -> dict[str, float]:
    """Lets `count` actors wait 200 ms at once; with and without the time their start took."""
    started = time.perf_counter()
    refs = [await kernel.spawn(Echo) for _ in range(count)]
    spawned = time.perf_counter()
    await asyncio.gather(*(ref.call(Wait(0.2), timeout_s=60.0) for ref in refs))
    finished = time.perf_counter()
    return {"seconds": finished - spawned, "seconds_with_start": finished - started}


async def recovery(kernel: Kernel, count: int) -> dict[str, float]:
    """Breaks a supervised actor `count` times: milliseconds from the fatal message to the next answer."""
    from supervisors import Supervisor

    await kernel.spawn(
        Supervisor,
        [ChildSpec("target", Echo, name="target")],
        max_restarts=count + 1,
        max_seconds=3600.0,
    )
    target = kernel.ref("target")
    samples: list[float] = []
    for _ in range(count):
        started = time.perf_counter()
        target.tell(Break())
        while True:
            try:
                await target.call(Ping())
                break
            except ActorDeadError:
                await asyncio.sleep(0)
        samples.append((time.perf_counter() - started) * 1000)
    return {"p50_ms": percentile(samples, 0.5), "p99_ms": percentile(samples, 0.99), "max_ms": max(samples)}


WHAT: dict[str, Callable[[Kernel, int], Awaitable[dict[str, float]]]] = {
    "spawn": spawn_and_memory,
    "supervised": supervised,
    "calls": calls,
    "waiting": waiting,
    "recovery": recovery,
}


async def one(what: str, count: int) -> None:
    """Prints one measurement of this process as JSON."""
    kernel = Kernel()
    figures = await WHAT[what](kernel, count)
    print(json.dumps(figures), flush=True)
    import os

    # Ten thousand orderly exits would be measured by nobody and waited for by everybody.
    os._exit(0)


def repeated(module: str, what: str, count: int, rounds: int) -> dict[str, float]:
    """Runs one measurement `rounds` times, each in a fresh process, and returns the medians."""
    runs = [in_fresh_process(module, what, str(count)) for _ in range(rounds)]
    return {key: median([run[key] for run in runs]) for key in runs[0]}


def measure(scale: Scale) -> dict[str, Any]:
    """Returns kernel figures, the baseline's, and their ratios (above 1: the kernel is better)."""

    def repeat(module: str, what: str, full: int, rounds: int = ROUNDS) -> dict[str, float]:
        return repeated(module, what, scale.count(full), scale.rounds(rounds))

    ours: dict[str, Any] = {
        **repeat("bench.actors", "spawn", 20_000),
        **repeat("bench.actors", "supervised", 10_000),
        **repeat("bench.actors", "calls", 50_000),
        "waiting_10000": repeat("bench.actors", "waiting", 10_000),
        "recovery": repeat("bench.actors", "recovery", 1_000),
    }
    threads: dict[str, Any] = {
        **repeat("bench.threads", "spawn", 2_000),
        **repeat("bench.threads", "calls", 20_000),
        "waiting_10000": repeat("bench.threads", "waiting", 10_000, rounds=1),
    }
    return {
        "kernel": ours,
        "threading_actor": threads,
        "ratio": {
            "spawns_per_s": ours["spawns_per_s"] / threads["spawns_per_s"],
            "kb_per_actor": threads["kb_per_actor"] / max(ours["kb_per_actor"], 0.01),
            "calls_per_s": ours["calls_per_s"] / threads["calls_per_s"],
            "waiting_10000": threads["waiting_10000"]["seconds"] / ours["waiting_10000"]["seconds_with_start"],
        },
    }


if __name__ == "__main__":
    if len(sys.argv) > 2:
        asyncio.run(one(sys.argv[1], int(sys.argv[2])))
    else:
        print(json.dumps(measure(Scale()), indent=2))
