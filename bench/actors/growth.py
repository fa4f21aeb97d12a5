"""Whether cost grows with the number of actors: a start, a call and a crash among 100 live ones and 100,000.

Both are measured in one process around the same actors: first among few, then the many are added. All live under one
dynamic supervisor, the one that crashes too.
"""

from __future__ import annotations

import gc
import time
from typing import Any

from actors.kernel import ActorRef, ChildSpec, Kernel, Shutdown, StartChild, TerminateChild
from bench.actors.failing import answers_again, dynamic_target
from bench.actors.workload import Ping, Plain
from bench.figures import median

FEW = 100
ROUNDS = 7


async def growth(kernel: Kernel, count: int) -> dict[str, Any]:
    """Microseconds of each with 100 and with `count` live actors, and their ratios (1: the same)."""
    target = await dynamic_target(kernel, FEW, 1_000_000)
    work = max(10, count // 100)
    few = await _costs(kernel, target, work)
    supervisor = kernel.ref("siblings")
    for number in range(max(0, count - FEW)):
        await supervisor.call(StartChild(ChildSpec(f"more{number}", Plain)))
    many = await _costs(kernel, target, work)
    return {"few": few, "many": many, **{f"{key}_ratio": many[key] / few[key] for key in few}}


async def _costs(kernel: Kernel, target: ActorRef[Any], work: int) -> dict[str, float]:
    """The medians of several rounds of `work` starts, in microseconds. What one starts is stopped before the next."""
    rounds: dict[str, list[float]] = {}
    supervisor = kernel.ref("siblings")
    callee = await kernel.spawn(Plain)
    for _ in range(ROUNDS):
        gc.collect(0)
        started = time.perf_counter()
        loose = [await kernel.spawn(Plain) for _ in range(work)]
        _note(rounds, "spawn", started, work)
        started = time.perf_counter()
        children = [await supervisor.call(StartChild(ChildSpec("x", Plain))) for _ in range(work)]
        _note(rounds, "supervised_spawn", started, work)
        started = time.perf_counter()
        for _ in range(3 * work):
            await callee.call(Ping())
        _note(rounds, "call", started, 3 * work)
        crashes_ms = [await answers_again(target) for _ in range(max(3, work // 7))]
        rounds.setdefault("crash", []).append(median(crashes_ms) * 1000)
        for ref in loose:
            ref.exit(Shutdown())
        for child in children:
            await supervisor.call(TerminateChild(child))
    return {key: median(samples) for key, samples in rounds.items()}


def _note(rounds: dict[str, list[float]], key: str, started: float, count: int) -> None:
    rounds.setdefault(key, []).append((time.perf_counter() - started) / count * 1e6)
