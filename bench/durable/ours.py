"""Runs of five steps through the node's own tree, its journal in a file."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from actors.journal import SqliteFile
from actors.kernel import Kernel
from bench.engine import STEPS, WAIT_S, chain, node, one_run, sequential
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


async def one(what: str, count: int, synchronous: str) -> dict[str, Any]:
    """One measurement on a journal of its own."""
    with tempfile.TemporaryDirectory(prefix="evopipe-bench-") as directory:
        kernel = await node(Path(directory), journal_in(Path(directory), synchronous))
        settle_heap()  # as the daemon does when it is ready
        match what:
            case "sequential":
                figures = await sequential(kernel, count, directory)
            case "throughput":
                taken = await together(kernel, count, directory, 0)
                figures = {"steps_per_s": count * STEPS / taken["seconds"], "failed": taken["failed"]}
            case _:
                figures = await together(kernel, count, directory, WAIT_S)
        await kernel.shutdown()
    return figures
