"""How long a crash lasts: from the fatal message to the next answer, alone, among siblings, and for all at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from actors.kernel import ActorDeadError, ActorRef, ChildSpec, Kernel, StartChild
from bench.actors.workload import Break, Ping, Plain
from bench.figures import median, percentile
from supervisors import DynamicSupervisor, Supervisor

ROUNDS_OF_ALL = 9


async def answers_again(target: ActorRef[Any]) -> float:
    """Breaks `target` (a ref by name) and returns the milliseconds until its next incarnation has answered."""
    started = time.perf_counter()
    target.tell(Break())
    while True:
        try:
            await target.call(Ping())
            break
        except ActorDeadError:
            await asyncio.sleep(0)
    return (time.perf_counter() - started) * 1000


async def samples_of(target: ActorRef[Any], count: int) -> dict[str, float]:
    """Breaks `target` `count` times. Ten more come before them, which load what the first crash loads."""
    for _ in range(10):
        await answers_again(target)
    samples = [await answers_again(target) for _ in range(count)]
    return {"p50_ms": percentile(samples, 0.5), "p99_ms": percentile(samples, 0.99), "max_ms": max(samples)}


async def recovery(kernel: Kernel, count: int) -> dict[str, float]:
    """A supervisor's only child."""
    return await samples_of(await _among(kernel, 0, count), count)


async def recovery_among(kernel: Kernel, count: int) -> dict[str, float]:
    """The last child of one supervisor, behind `count` others."""
    crashes = max(20, count // 20)
    return await samples_of(await _among(kernel, count, crashes), crashes)


async def recovery_among_dynamic(kernel: Kernel, count: int) -> dict[str, float]:
    """The same under a dynamic supervisor."""
    crashes = max(20, count // 20)
    return await samples_of(await dynamic_target(kernel, count, crashes), crashes)


async def one_for_all(kernel: Kernel, count: int) -> dict[str, float]:
    """The last of `count` children breaks, all go down and come back: until the first and the last one answer."""
    specs = [ChildSpec(str(number), Plain) for number in range(1, count - 1)]
    await kernel.spawn(
        Supervisor,
        [ChildSpec("first", Plain, name="first"), *specs, ChildSpec("last", Plain, name="last")],
        strategy="one_for_all",
        max_restarts=ROUNDS_OF_ALL + 1,
        max_seconds=3600.0,
    )
    samples: list[float] = []
    for _ in range(ROUNDS_OF_ALL):
        took_ms = await answers_again(kernel.ref("last"))
        await kernel.ref("first").call(Ping())
        samples.append(took_ms)
    return {"ms": median(samples), "max_ms": max(samples)}


async def _among(kernel: Kernel, siblings: int, crashes: int) -> ActorRef[Any]:
    specs: Sequence[ChildSpec] = [ChildSpec(str(number), Plain) for number in range(siblings)]
    await kernel.spawn(
        Supervisor,
        [*specs, ChildSpec("target", Plain, name="target")],
        max_restarts=crashes + 100,
        max_seconds=3600.0,
    )
    return kernel.ref("target")


async def dynamic_target(kernel: Kernel, siblings: int, crashes: int) -> ActorRef[Any]:
    """A ref by name to the last of `siblings` + 1 children of a dynamic supervisor that puts up with `crashes`."""
    supervisor = await kernel.spawn(DynamicSupervisor, name="siblings", max_restarts=crashes + 100, max_seconds=3600.0)
    for number in range(siblings):
        await supervisor.call(StartChild(ChildSpec(str(number), Plain)))
    await supervisor.call(StartChild(ChildSpec("target", Plain, name="target")))
    return kernel.ref("target")
