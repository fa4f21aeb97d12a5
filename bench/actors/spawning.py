"""How fast actors start, and how much memory an idle one holds."""

from __future__ import annotations

import gc
import time

from actors.kernel import ChildSpec, Kernel, StartChild
from bench.actors.workload import AsyncStart, Plain
from bench.figures import resident_kb
from supervisors import DynamicSupervisor


async def spawn(kernel: Kernel, count: int) -> dict[str, float]:
    """Starts `count` idle actors one after another: starts per second and KB of resident memory each.

    The memory is taken twice, before and after each of them has answered one call, because what an actor
    allocates at its first message belongs to an idle actor of a real node too.
    """
    for _ in range(100):
        await kernel.spawn(Plain)
    gc.collect()
    before_kb = resident_kb()
    started = time.perf_counter()
    refs = [await kernel.spawn(Plain) for _ in range(count)]
    elapsed = time.perf_counter() - started
    fresh_kb = (resident_kb() - before_kb) / count
    for ref in refs:
        await ref.call(count)
    used_kb = (resident_kb() - before_kb) / count
    return {"spawns_per_s": count / elapsed, "kb_per_fresh_actor": fresh_kb, "kb_per_actor": used_kb}


async def supervised(kernel: Kernel, count: int) -> dict[str, float]:
    """Starts `count` actors under one dynamic supervisor, by calls: with a plain `on_start`, and with one that has to
    be awaited, as those of the node's steps. The memory is that of the plain ones with their supervisor's entry."""
    figures: dict[str, float] = {}
    for label, actor in (("supervised_spawns_per_s", Plain), ("supervised_async_spawns_per_s", AsyncStart)):
        supervisor = await kernel.spawn(DynamicSupervisor)
        gc.collect()
        before_kb = resident_kb()
        started = time.perf_counter()
        for number in range(count):
            await supervisor.call(StartChild(ChildSpec(str(number), actor, restart="temporary")))
        figures[label] = count / (time.perf_counter() - started)
        figures.setdefault("kb_per_supervised_actor", (resident_kb() - before_kb) / count)
    return figures
