"""Runs of five steps through the node's own tree, its journal in a file."""

from __future__ import annotations

import asyncio
import queue
import resource
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from actors.journal import MemoryStore, SqliteFile
from actors.kernel import Kernel
from bench.engine import STEPS, WAIT_S, chain, node, one_run, sequential
from bench.figures import median
from runtime.daemon.heap import settle_heap

JOURNAL = "journal.sqlite3"


def journal_in(directory: Path, synchronous: str) -> SqliteFile:
    """The node's journal as the daemon has it."""
    return SqliteFile(directory / JOURNAL, "full" if synchronous == "full" else "normal")


def peak_rss_mb() -> float:
    """The most memory this process has had resident, in MB (Linux counts it in KB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def together(kernel: Kernel, count: int, workspace: str, delay_s: float) -> dict[str, float]:
    """All runs at the same time: seconds from the first submit to the last outcome, and how many failed."""
    pipeline = chain(delay_s)
    started = time.perf_counter()
    outcomes = await asyncio.gather(
        *(one_run(kernel, pipeline, f"all-{number}", workspace) for number in range(count)), return_exceptions=True
    )
    seconds = time.perf_counter() - started
    failed = sum(isinstance(each, BaseException) or each.status != "succeeded" for each in outcomes)
    return {"seconds": seconds, "failed": failed, "peak_rss_mb": peak_rss_mb()}


async def wake_ups(count: int) -> dict[str, float]:
    """What it takes here to hand something to a thread that waits and to hear of it, in µs: each commit does that."""
    loop, given = asyncio.get_running_loop(), queue.SimpleQueue[asyncio.Future[None] | None]()

    def hand_back() -> None:
        while (asked := given.get()) is not None:
            loop.call_soon_threadsafe(asked.set_result, None)

    thread = threading.Thread(target=hand_back, daemon=True)
    thread.start()
    samples: list[float] = []
    for _ in range(count):
        began, asked = time.perf_counter(), loop.create_future()
        given.put(asked)
        await asked
        samples.append((time.perf_counter() - began) * 1e6)
    given.put(None)
    thread.join(5)
    return {"wake_ups_us": median(samples)}


async def one(what: str, count: int, synchronous: str) -> dict[str, Any]:
    """One measurement on a journal of its own."""
    if what == "wake_ups":
        return await wake_ups(count)
    with tempfile.TemporaryDirectory(prefix="evopipe-bench-") as directory:
        in_memory = what == "sequential_in_memory"
        place = MemoryStore() if in_memory else journal_in(Path(directory), synchronous)
        kernel = await node(Path(directory), place, share_core=what != "sequential_apart")
        settle_heap()  # as the daemon does when it is ready
        match what:
            case "sequential":
                figures = await sequential(kernel, count, directory)
            case "sequential_apart" | "sequential_in_memory":
                found = await sequential(kernel, count, directory)
                figures = {what.replace("sequential", "step_us"): found["step_us"]}
            case "throughput":
                taken = await together(kernel, count, directory, 0)
                figures = {"steps_per_s": count * STEPS / taken["seconds"], "failed": taken["failed"]}
            case _:
                figures = await together(kernel, count, directory, WAIT_S)
        await kernel.shutdown()
    return figures
