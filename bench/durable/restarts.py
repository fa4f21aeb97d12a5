"""What a restart costs: runs to take up again, and a large journal to open."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actors.journal import OpenRun
from actors.journal.preparing import prepared
from actors.kernel import Kernel
from actors.runs import RunEvent, RunRequest, SubmitRun
from bench.durable.ours import JOURNAL, journal_in, peak_rss_mb
from bench.engine import RUN_DEADLINE_S, chain, node
from bench.figures import Scale, in_fresh_process
from bench.startup import EVOPIPE, seconds_of
from pipelines.language import Pipeline, load_pipeline, to_yaml
from runtime.daemon.heap import settle_heap
from runtime.demo.home import temporary_home

DONE = 2
RESULT_BYTES = 4_000
STEPS_PER_RUN = 5
FULL_GB = 5.0
UNFINISHED = 100


def unfinished() -> Pipeline:
    """Five steps, of which the first two end at once and the third one never in the time of a measurement."""
    steps = ["name: bench", "steps:"]
    for number in range(1, 6):
        value = "start" if number == 1 else f"{{{{steps.s{number - 1}}}}}"
        delay_s = 0 if number <= DONE else 600
        steps.append(f'  - {{name: s{number}, type: test_echo, value: "{value}", delay_s: {delay_s}}}')
    return load_pipeline("\n".join(steps))


class _AllAtWork:
    """Set once `count` runs work on the step that does not end."""

    def __init__(self, kernel: Kernel, count: int) -> None:
        self.reached = asyncio.Event()
        self.runs: set[str] = set()
        self._count = count
        kernel.events.subscribe(self._hear)

    def _hear(self, event: object) -> None:
        if isinstance(event, RunEvent) and event.kind == "step_started" and event.step == f"s{DONE + 1}":
            self.runs.add(event.run_id)
            if len(self.runs) == self._count:
                self.reached.set()


async def fill(directory: Path, count: int) -> None:
    """Brings `count` runs to their third step, then is gone in the way that nobody can prepare for."""
    kernel = Kernel()
    working = _AllAtWork(kernel, count)
    await node(directory, journal_in(directory, "normal"), kernel)
    settle_heap()
    pipeline = unfinished()
    runs = kernel.ref("runs")
    for number in range(count):
        request = RunRequest(f"run-{number}", pipeline, {}, str(directory))
        await runs.call(SubmitRun(request), timeout_s=RUN_DEADLINE_S)
    async with asyncio.timeout(RUN_DEADLINE_S):
        await working.reached.wait()
    os.kill(os.getpid(), signal.SIGKILL)


async def take_up(directory: Path, count: int, begun: float) -> dict[str, float]:
    """Seconds from the start of this process until the last run works again, and of that until the tree is up."""
    kernel = Kernel()
    working = _AllAtWork(kernel, count)
    await node(directory, journal_in(directory, "normal"), kernel)
    settle_heap()
    up_s = time.time() - begun
    async with asyncio.timeout(RUN_DEADLINE_S):
        await working.reached.wait()
    return {"seconds": time.time() - begun, "up_s": up_s, "runs": count, "peak_rss_mb": peak_rss_mb()}


def resume(scale: Scale) -> dict[str, float]:
    """See the package: 10,000 runs at scale 1."""
    count = str(scale.count(10_000))
    with tempfile.TemporaryDirectory(prefix="evopipe-bench-") as directory:
        words = [sys.executable, "-m", "bench.durable", "fill", directory, count]
        killed = subprocess.run(words, check=False, capture_output=True, text=True, timeout=300)
        if killed.returncode != -signal.SIGKILL:
            raise RuntimeError(f"the runs to resume could not be made:\n{killed.stderr[-2000:]}")
        return in_fresh_process("bench.durable", "resume", directory, count, repr(time.time()))


# ---- a large journal -----------------------------------------------------------------------------------------


def large_journal(scale: Scale) -> dict[str, float] | str:
    """The start of a real node on 5 GB (at scale 1; nothing is extrapolated: `gb` says what was there), with 100 runs
    of it unfinished. A sentence when the disk has no room for it."""
    wanted = FULL_GB * scale.share
    with temporary_home() as home:
        free_gb = shutil.disk_usage(home.root).free / 1e9
        if free_gb < wanted * 1.5 + 1:
            return f"not measured: needs {wanted * 1.5 + 1:.1f} GB free in the temporary directory ({free_gb:.1f} are)"
        seconds_of([*EVOPIPE, "up", "--detach"], home)  # makes the tables, and everything is compiled
        seconds_of([*EVOPIPE, "down"], home)
        path = home.state / JOURNAL
        started = time.perf_counter()
        _enlarge(path, int(wanted * 1e9))
        made_s = time.perf_counter() - started
        _forget_pages(path)
        try:
            start_s = seconds_of([*EVOPIPE, "up", "--detach"], home)
        finally:
            subprocess.run([*EVOPIPE, "down", "--now"], check=False, capture_output=True, env=dict(home.environ))
        return {"gb": path.stat().st_size / 1e9, "start_s": start_s, "made_s": made_s}


def _enlarge(path: Path, size: int) -> None:
    """Fills the journal's tables to about `size` bytes: finished runs of five steps, 4 kB a result."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -262144")
    count = max(1, size // (STEPS_PER_RUN * (RESULT_BYTES + 200)))
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO runs (run_id, pipeline_name, definition, definition_hash, inputs, meta, status, finished,"
        " opened_at, closed_at) VALUES (?, 'bench', ?, ?, '{}', ?, ?, ?, ?, ?)",
        _runs(count),
    )
    result = json.dumps("x" * RESULT_BYTES)
    connection.executemany(
        "INSERT INTO steps (run_id, step, attempt, status, result, at) VALUES (?, ?, 1, 'succeeded', ?, ?)",
        ((f"old-{run:09d}", f"s{step}", result, run) for run in range(count) for step in range(1, STEPS_PER_RUN + 1)),
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _runs(count: int) -> Iterator[tuple[Any, ...]]:
    pipeline = chain(0)
    opened = prepared(OpenRun("x", "bench", to_yaml(pipeline), pipeline.content_hash, {}), 0.0)
    if isinstance(opened, Exception):
        raise opened
    definition, _, _ = opened.texts
    meta = json.dumps({"workspace": tempfile.gettempdir(), "origin": "user"})
    for run in range(count):
        ended = run < count - UNFINISHED
        status = "succeeded" if ended else "running"
        yield f"old-{run:09d}", definition, pipeline.content_hash, meta, status, int(ended), run, run if ended else None


def _forget_pages(path: Path) -> None:
    """Asks the kernel to drop the file from its page cache, so that the start reads from the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
