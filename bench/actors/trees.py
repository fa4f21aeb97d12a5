"""A tree with ten thousand children: how long its stop takes, and how long its snapshot holds the loop."""

from __future__ import annotations

import time

from actors.kernel import ChildSpec, Kernel, Shutdown
from bench.actors.failing import dynamic_target
from bench.actors.workload import AsyncStart, Plain
from bench.figures import median
from supervisors import Supervisor, snapshot

SNAPSHOTS = 9


class Tidy(AsyncStart):
    """Has an end that must be awaited, so that each one takes a task."""

    async def on_stop(self) -> None:
        """Does nothing, asynchronously."""


async def tree(kernel: Kernel, count: int) -> dict[str, float]:
    """Stops supervisors of `count` children: a dynamic one, an ordered one, and an ordered one whose children each
    have an `on_stop` to be awaited. The snapshot is that of the first, the median of nine."""
    figures: dict[str, float] = {}
    await dynamic_target(kernel, count - 1, 0)
    samples: list[float] = []
    for _ in range(SNAPSHOTS):
        started = time.perf_counter()
        snapshot(kernel)
        samples.append((time.perf_counter() - started) * 1000)
    figures["snapshot_ms"] = median(samples)
    figures["stop_s"] = await _stop(kernel, "siblings")
    for label, actor in (("stop_ordered_s", Plain), ("stop_tidy_s", Tidy)):
        await kernel.spawn(Supervisor, [ChildSpec(str(n), actor) for n in range(count)], name=label)
        figures[label] = await _stop(kernel, label)
    return figures


async def _stop(kernel: Kernel, name: str) -> float:
    owner = kernel.registry.whereis(name)
    assert owner is not None
    live = kernel.live
    started = time.perf_counter()
    owner.exit(Shutdown())
    await owner.wait_exit()
    elapsed = time.perf_counter() - started
    if kernel.live > live:
        raise RuntimeError(f"{name} has ended and left children behind")
    return elapsed
