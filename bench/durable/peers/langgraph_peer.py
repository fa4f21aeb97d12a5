"""Five nodes in a row on LangGraph with its AsyncSqliteSaver: `langgraph_peer.py DIR WHAT COUNT full|normal`.

Runs in the peers' own environment; ends with 77 where LangGraph is not installed.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any, TypedDict

try:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    from langgraph.graph import END, START, StateGraph
except ImportError:
    sys.exit(77)

STEPS = 5
WARM_UP = 5


class State(TypedDict, total=False):
    s1: str
    s2: str
    s3: str
    s4: str
    s5: str


def graph(delay_s: float, saver: Any) -> Any:
    def node(number: int) -> Any:
        async def work(state: State) -> dict[str, str]:
            if delay_s:
                await asyncio.sleep(delay_s)
            return {f"s{number}": "start" if number == 1 else state[f"s{number - 1}"]}

        return work

    built = StateGraph(State)
    for number in range(1, STEPS + 1):
        built.add_node(f"n{number}", node(number))
        built.add_edge(START if number == 1 else f"n{number - 1}", f"n{number}")
    built.add_edge(f"n{STEPS}", END)
    return built.compile(checkpointer=saver)


async def run(compiled: Any, name: str) -> None:
    # "sync": the checkpoint is written before the next step starts (the default writes it meanwhile).
    ended = await compiled.ainvoke({}, {"configurable": {"thread_id": name}}, durability="sync")
    if ended.get(f"s{STEPS}") != "start":
        raise RuntimeError(f"{name} ended with {ended}")


async def main(directory: str, what: str, count: int, synchronous: str) -> dict[str, Any]:
    async with AsyncSqliteSaver.from_conn_string(f"{directory}/checkpoints.sqlite") as saver:
        await saver.setup()
        if synchronous == "normal":
            await saver.conn.execute("PRAGMA synchronous = NORMAL")
        told = {}
        for pragma in ("journal_mode", "synchronous"):
            async with saver.conn.execute(f"PRAGMA {pragma}") as rows:
                told[pragma] = (await rows.fetchone())[0]
        compiled = graph(0.1 if what == "at_once" else 0.0, saver)
        if what == "sequential":
            samples = []
            for number in range(count + WARM_UP):
                started = time.perf_counter()
                await run(compiled, f"seq-{number}")
                if number >= WARM_UP:
                    samples.append((time.perf_counter() - started) / STEPS * 1e6)
            return {"step_us": sorted(samples)[len(samples) // 2], "connection": told}
        started = time.perf_counter()
        ended = await asyncio.gather(*(run(compiled, f"all-{n}") for n in range(count)), return_exceptions=True)
        seconds = time.perf_counter() - started
        failed = sum(isinstance(each, BaseException) for each in ended)
        if what == "throughput":
            return {"steps_per_s": count * STEPS / seconds, "failed": failed}
        rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"seconds": seconds, "failed": failed, "peak_rss_mb": rss_mb}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))), flush=True)
