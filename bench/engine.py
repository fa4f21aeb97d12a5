"""Runs of five no-op steps through the node's own tree, with the journal in memory.

    step_us         overhead of one step: sequential runs, each step needs the one before it
    recovery        a StepActor or PipelineActor is killed in the middle of a step: until it works again
    at_once_5000    5,000 such runs at the same time, each step awaiting 100 ms: the ideal is 0.5 s

The baseline does the same with bare coroutines: no supervision, no journal, no events, no retries. It is the limit
of the interpreter, not a competitor. Every figure comes from a process of its own.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from actors.journal import JournalPlace, MemoryStore
from actors.kernel import ChildSpec, Kernel, LoopWatchdog
from actors.killswitch import KillView
from actors.runs import (
    AwaitRun,
    CancelRun,
    RunEvent,
    RunOutcome,
    RunRequest,
    SubmitRun,
    pipeline_name,
    step_name,
)
from bench.figures import Scale, in_fresh_process, median, percentile, resident_kb
from pipelines.language import Pipeline, load_pipeline
from runtime.daemon.heap import settle_heap
from supervisors import Supervisor
from supervisors.host_tree import host_children
from supervisors.tree import NodeParts, node_tree

STEPS = 5
WAIT_S = 0.1
ROUNDS = 3
RUN_DEADLINE_S = 120.0


def chain(delay_s: float) -> Pipeline:
    """Five `test_echo` steps, each of which uses the answer of the one before it."""
    steps = ["name: bench", "steps:"]
    for number in range(1, STEPS + 1):
        value = "start" if number == 1 else f"{{{{steps.s{number - 1}}}}}"
        steps.append(f'  - {{name: s{number}, type: test_echo, value: "{value}", delay_s: {delay_s}}}')
    return load_pipeline("\n".join(steps))


async def node(
    state_dir: Path,
    journal: JournalPlace | None = None,
    kernel: Kernel | None = None,
    *,
    view: KillView | None = None,
    providers: Mapping[str, tuple[ChildSpec, ...]] | None = None,
    routes: Mapping[str, str] | None = None,
    share_core: bool = True,
) -> Kernel:
    """The node's tree without gateway, and without providers if none are given; its journal is in memory if none is
    given."""
    kernel = kernel or Kernel()
    parts = NodeParts(
        state_dir=state_dir,
        journal=journal or MemoryStore(),
        kill_view=view or KillView(),
        by_name=kernel.ref,
        providers=providers or {},
        usable_providers=tuple,
        routes=routes or {},
        max_live_runs=100_000,
        watchdog=ChildSpec(id="loop_watchdog", actor_class=LoopWatchdog, name="loop_watchdog"),
        gateway=(),
        host=host_children(share_core=share_core),
    )
    await kernel.spawn(Supervisor, node_tree(parts), name="node", strategy="rest_for_one")
    return kernel


async def one_run(kernel: Kernel, pipeline: Pipeline, run_id: str, workspace: str) -> RunOutcome:
    """Submits a run and waits for its end."""
    runs = kernel.ref("runs")
    await runs.call(SubmitRun(RunRequest(run_id, pipeline, {}, workspace)), timeout_s=RUN_DEADLINE_S)
    return await runs.call(AwaitRun(run_id, timeout_s=RUN_DEADLINE_S), timeout_s=RUN_DEADLINE_S)


async def sequential(kernel: Kernel, count: int, workspace: str) -> dict[str, float]:
    """One run after another: microseconds a step, submit and outcome included."""
    pipeline = chain(0)
    samples: list[float] = []
    for number in range(count + 20):
        started = time.perf_counter()
        outcome = await one_run(kernel, pipeline, f"seq-{number}", workspace)
        elapsed = time.perf_counter() - started
        if outcome.status != "succeeded":
            raise RuntimeError(f"run {number} {outcome.status}: {outcome.error}")
        if number >= 20:  # the first ones fill caches
            samples.append(elapsed / STEPS * 1e6)
    return {"step_us": median(samples), "step_p99_us": percentile(samples, 0.99)}


async def at_once(kernel: Kernel, count: int, workspace: str) -> dict[str, float]:
    """All runs at the same time: seconds from the first submit to the last outcome, and how many failed."""
    pipeline = chain(WAIT_S)
    gc.collect()
    started = time.perf_counter()
    outcomes = await asyncio.gather(
        *(one_run(kernel, pipeline, f"all-{number}", workspace) for number in range(count)),
        return_exceptions=True,
    )
    seconds = time.perf_counter() - started
    failed = sum(isinstance(each, BaseException) or each.status != "succeeded" for each in outcomes)
    return {"seconds": seconds, "failed": failed, "rss_mb": resident_kb() / 1024}


async def recovery(kernel: Kernel, count: int, workspace: str) -> dict[str, float]:
    """Kills a StepActor in the middle of its step, `count` times: milliseconds until its next incarnation works, and
    the same for the PipelineActor, until it has read the journal and goes on."""
    pipeline = load_pipeline("name: long\nsteps: [{name: s, type: test_echo, value: x, delay_s: 60}]")
    heard: dict[tuple[str, str], asyncio.Event] = {}

    def listen(event: object) -> None:
        if isinstance(event, RunEvent):
            heard.setdefault((event.run_id, event.kind), asyncio.Event()).set()

    async def kind(run_id: str, wanted: str) -> None:
        await asyncio.wait_for(heard.setdefault((run_id, wanted), asyncio.Event()).wait(), RUN_DEADLINE_S)

    kernel.events.subscribe(listen)
    samples: dict[str, list[float]] = {"step_restarted": [], "run_resumed": []}
    for number in range(count):
        run_id = f"killed-{number}"
        await kernel.ref("runs").call(SubmitRun(RunRequest(run_id, pipeline, {}, workspace)))
        await kind(run_id, "step_started")
        await asyncio.sleep(0)
        for sign, victim in (("step_restarted", step_name(run_id, "s")), ("run_resumed", pipeline_name(run_id))):
            started = time.perf_counter()
            kernel.ref(victim).kill()
            await kind(run_id, sign)
            samples[sign].append((time.perf_counter() - started) * 1000)
        await kernel.ref("runs").call(CancelRun(run_id))
    return {
        "step_p50_ms": median(samples["step_restarted"]),
        "step_p99_ms": percentile(samples["step_restarted"], 0.99),
        "pipeline_p50_ms": median(samples["run_resumed"]),
        "pipeline_p99_ms": percentile(samples["run_resumed"], 0.99),
    }


async def bare(count: int, delay_s: float) -> float:
    """The same graph as bare coroutines: seconds for `count` runs at once."""

    async def run() -> str:
        value = "start"
        for _ in range(STEPS):
            await asyncio.sleep(delay_s)
        return value

    started = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(count)))
    return time.perf_counter() - started


IN_THE_TREE: dict[str, Callable[[Kernel, int, str], Awaitable[dict[str, float]]]] = {
    "sequential": sequential,
    "at_once": at_once,
    "recovery": recovery,
}


async def one(what: str, count: int) -> dict[str, float]:
    """One measurement in this process."""
    if what == "bare_sequential":
        return {"step_us": await bare(count, 0) / count / STEPS * 1e6}
    if what == "bare_at_once":
        return {"seconds": await bare(count, WAIT_S)}
    with tempfile.TemporaryDirectory() as directory:
        kernel = await node(Path(directory))
        settle_heap()  # as the daemon does when it is ready
        figures = await IN_THE_TREE[what](kernel, count, directory)
        await kernel.shutdown()
    return figures


def repeated(what: str, full: int, scale: Scale) -> dict[str, float]:
    """Runs one measurement a few times, each in a fresh process, and returns the medians (of failures: the most)."""
    count = str(scale.count(full))
    rounds = [in_fresh_process("bench.engine", what, count) for _ in range(scale.rounds(ROUNDS))]
    return {
        key: max(each[key] for each in rounds) if key == "failed" else median([each[key] for each in rounds])
        for key in rounds[0]
    }


def measure(scale: Scale) -> dict[str, Any]:
    """Returns the engine's figures and those of bare coroutines."""
    return {
        "evopipe": {
            **repeated("sequential", 300, scale),
            "at_once_5000": repeated("at_once", 5_000, scale),
            "recovery": repeated("recovery", 200, scale),
        },
        "bare_asyncio": {
            **repeated("bare_sequential", 1_000, scale),
            "at_once_5000": repeated("bare_at_once", 5_000, scale),
        },
    }


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(asyncio.run(one(sys.argv[1], int(sys.argv[2])))), flush=True)
    else:
        print(json.dumps(measure(Scale()), indent=2))
