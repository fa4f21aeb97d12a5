"""Durable runs: the node's own tree on its real journal, beside LangGraph and DBOS on SQLite.

    step_us         one step of five, run after run, each result durable before the next step starts; submit and outcome
                    are in it, the step itself does nothing
    durability_us   what the journal adds to that: less the same with a journal in memory (step_us_in_memory)
    step_us_apart   step_us with `host.share_core: never`: the loop's and the journal's thread wake each other on
                    different cores
    wake_ups_us     to hand something to a thread and hear of it while nothing else goes on: each commit does that once
    steps_per_s     2,000 such runs at the same time: how many steps become durable in a second
    at_once_N       N of them at once, each step awaiting 100 ms: the ideal is 0.5 s
    resume_10000    a node with 10,000 unfinished runs is killed with SIGKILL: from the start of the next process until
                    the last run works on its step again
    large_journal   a node's start on a journal of 5 GB that is not in the page cache
    socket          submit and wait for a run of one no-op step, over the node's socket

What is promised, and what is synced when:

    evopipe normal      a step's result is committed before anything that depends on it starts. The commit is in the
                        operating system's hands (WAL, `synchronous=NORMAL`): it survives any end of the process,
                        SIGKILL included. A power cut may take the last commits; the disk is waited for at checkpoints.
    evopipe full        the same, and every commit waits for the disk (fsync): it survives a power cut.
    LangGraph           `durability="sync"`: the checkpoint is committed before the next step. Its AsyncSqliteSaver sets
                        WAL and leaves `synchronous` at SQLite's default (FULL: an fsync a commit); measured so, and
                        with NORMAL, which is what evopipe's default promises.
    DBOS                each step's output is committed before the next step. SQLite's defaults are left as they are
                        (rollback journal, FULL: fsyncs at each commit).

What the peers' connections really have set is asked of them and is in the report. Every figure comes from a process of
its own, on the same file system (the temporary directory's).
"""

from __future__ import annotations

from typing import Any

from bench.durable.over_socket import socket_figures
from bench.durable.peer_figures import peer_figures, ratios
from bench.durable.restarts import large_journal, resume
from bench.figures import Scale, in_fresh_process, median

ROUNDS = 3
# Of what takes half a second, or has the whole memory of thousands of runs to touch: a virtual machine's host slows one
# round down, and then another (5,000 at once took from 2.9 to 4.3 s within four minutes).
MANY_ROUNDS = 9
PROMISE = {
    "evopipe.normal": "commit before continue; survives SIGKILL, a power cut may take the last commits",
    "evopipe.full": "commit and fsync before continue; survives a power cut",
    "langgraph.full": "commit and fsync before continue (its default); survives a power cut",
    "langgraph.normal": "commit before continue; survives SIGKILL, a power cut may take the last commits",
    "dbos": "commit and fsync before continue (its default); survives a power cut",
}


def measure(scale: Scale) -> dict[str, Any]:
    """Returns evopipe's figures in both modes, those of the peers that are installed, and the ratios to them."""
    ours: dict[str, Any] = {
        "normal": {
            **_sequential("normal", scale),
            **_repeated("throughput", 2_000, "normal", scale),
            "at_once_1000": _repeated("at_once", 1_000, "normal", scale),
            "at_once_5000": _repeated("at_once", 5_000, "normal", scale, MANY_ROUNDS),
            "socket": socket_figures(scale, "normal"),
        },
        "full": {
            **_sequential("full", scale),
            **_repeated("throughput", 2_000, "full", scale),
            "at_once_1000": _repeated("at_once", 1_000, "full", scale),
            "socket": socket_figures(scale, "full"),
        },
        "resume_10000": resume(scale),
        "large_journal": large_journal(scale),
    }
    peers = peer_figures(scale)
    return {"promise": PROMISE, "evopipe": ours, "peers": peers, "ratios": ratios(ours, peers)}


def _sequential(synchronous: str, scale: Scale) -> dict[str, float]:
    figures = _repeated("sequential", 300, synchronous, scale, MANY_ROUNDS)
    for what, count in (("sequential_in_memory", 300), ("sequential_apart", 300), ("wake_ups", 3_000)):
        figures |= _repeated(what, count, synchronous, scale, MANY_ROUNDS)
    return {**figures, "durability_us": figures["step_us"] - figures["step_us_in_memory"]}


def _repeated(what: str, full: int, synchronous: str, scale: Scale, most: int = ROUNDS) -> dict[str, float]:
    """Medians of a few rounds, each in a fresh process (of failures and memory: the most)."""
    count = str(scale.count(full))
    rounds = [in_fresh_process("bench.durable", "ours", what, count, synchronous) for _ in range(scale.rounds(most))]
    worst = ("failed", "peak_rss_mb")
    return {
        key: max(each[key] for each in rounds) if key in worst else median([each[key] for each in rounds])
        for key in rounds[0]
    }
