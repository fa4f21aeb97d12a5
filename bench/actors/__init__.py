"""The kernel and its supervisors beside three others in the same run.

    kernel            with everything switched on that a node has (`equipped`)
    threading_actor   raw `pykka.ThreadingActor`, one thread an actor
    bare_asyncio      a bare asyncio actor on pykka, without any guarantee: the floor
    beam              gen_servers under OTP's supervisors, where Erlang is installed (scripts/install_peers.sh)

spawning, messaging, failing, trees, growth   what is measured
workload                                      the actors it is measured on
threads, bare, beam                           the others

Every figure comes from a process of its own (`python -m bench.actors WHAT COUNT`), so that none profits or suffers from
another one's heap, and is the median of three.

Where the limits are: a message costs several times what it costs the BEAM, because each step of it is interpreted.
Two thirds of the time from a crash to the next answer go into the log, which is written before the restart goes on:
the traceback as text and two lines of JSON. With nobody listening to events it takes a sixth of the bound. A blocking
ask from another thread is two changes of the interpreter's lock and one wake-up of the loop, so its figure moves most
with what else the machine does.
"""

from __future__ import annotations

from typing import Any

from bench.actors.beam import beam_figures
from bench.figures import Scale, in_fresh_process, median

ROUNDS = 3
BEAM_ROUNDS = 1
GROWTH_TO = 100_000


def measure(scale: Scale) -> dict[str, Any]:
    """Returns the figures of the kernel and of the others, and ratios to raw pykka (above 1: the kernel is better)."""

    def ours(what: str, full: int, rounds: int = ROUNDS) -> dict[str, Any]:
        return _repeated("bench.actors", what, scale.count(full), scale.rounds(rounds))

    def bare(what: str, full: int) -> dict[str, Any]:
        return _repeated("bench.actors.bare", what, scale.count(full), scale.rounds(ROUNDS))

    def threads(what: str, full: int) -> dict[str, Any]:
        return _repeated("bench.actors.threads", what, scale.count(full), 1)

    kernel: dict[str, Any] = {
        **ours("spawn", 20_000),
        **ours("supervised", 10_000),
        **ours("calls", 50_000),
        **ours("tells", 500_000),
        **ours("threads", 20_000),
        "waiting_10000": ours("waiting", 10_000),
        "recovery": ours("recovery", 1_000),
        "recovery_among_10000": ours("recovery_among", 10_000),
        "recovery_among_10000_dynamic": ours("recovery_among_dynamic", 10_000),
        "one_for_all_1000": ours("one_for_all", 1_000),
        "tree_10000": ours("tree", 10_000),
        "growth_100000": ours("growth", GROWTH_TO),
    }
    raw: dict[str, Any] = {
        **threads("spawn", 2_000),
        **threads("calls", 20_000),
        **threads("tells", 100_000),
        "waiting_10000": threads("waiting", 10_000),
    }
    return {
        "kernel": kernel,
        "threading_actor": raw,
        "bare_asyncio": {
            **bare("spawn", 20_000),
            **bare("calls", 50_000),
            **bare("tells", 500_000),
            "waiting_10000": bare("waiting", 10_000),
        },
        "beam": beam_figures(scale, BEAM_ROUNDS),
        "ratio": {
            "spawns_per_s": kernel["spawns_per_s"] / raw["spawns_per_s"],
            "kb_per_actor": raw["kb_per_actor"] / max(kernel["kb_per_actor"], 0.01),
            "calls_per_s": kernel["calls_per_s"] / raw["calls_per_s"],
            "tells_per_s": kernel["tells_per_s"] / raw["tells_per_s"],
            "waiting_10000": raw["waiting_10000"]["seconds"] / kernel["waiting_10000"]["seconds_with_start"],
        },
    }


def _repeated(module: str, what: str, count: int, rounds: int) -> dict[str, Any]:
    """Runs one measurement `rounds` times, each in a fresh process, and returns the medians."""
    runs: list[dict[str, Any]] = [in_fresh_process(module, what, str(count)) for _ in range(rounds)]
    return _medians(runs)


def _medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        key: _medians([run[key] for run in runs]) if isinstance(first, dict) else median([run[key] for run in runs])
        for key, first in runs[0].items()
    }
