"""The same work on the durable engines that people use instead, where `scripts/install_bench_peers.py` has put them.

Each runs in its own environment (`.peers`, or the one that EVOPIPE_BENCH_PEERS names), from a script of its own in
`peers/`, which prints its figures and what its connection says of its own durability as JSON. A peer that is not there
is told with the way to get it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from bench.figures import Scale

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).with_name("peers")
MISSING = "not installed: python scripts/install_bench_peers.py (from PyPI, into .peers)"
ABSENT = 77  # what a script of ours ends with when its library is not there
DEADLINE_S = 600.0

#: Name in the report, script, how it is asked to sync.
PEERS = (
    ("langgraph", "langgraph_peer.py", "full"),
    ("langgraph_normal", "langgraph_peer.py", "normal"),
    ("dbos", "dbos_peer.py", "full"),
)
#: What is measured, and the full count: less than ours where they would take minutes.
WORK = (("sequential", 50), ("throughput", 200), ("at_once", 1_000))


def peer_python() -> Path:
    """The interpreter of the peers' environment, whether it is there or not."""
    chosen = os.environ.get("EVOPIPE_BENCH_PEERS")
    return (Path(chosen) if chosen else ROOT / ".peers") / "bin" / "python"


def peer_figures(scale: Scale) -> dict[str, Any]:
    """The figures of each peer, or `MISSING` in their place. Raises `RuntimeError` when one that is there fails."""
    return {name: _figures(script, synchronous, scale) for name, script, synchronous in PEERS}


def _figures(script: str, synchronous: str, scale: Scale) -> dict[str, Any] | str:
    figures: dict[str, Any] = {}
    for what, full in WORK:
        found = _run(script, what, str(scale.count(full)), synchronous)
        if found is None:
            return MISSING
        if what == "at_once":
            figures["at_once_1000"] = found
        else:
            figures.update(found)
    return figures


def _run(script: str, *words: str) -> dict[str, Any] | None:
    python = peer_python()
    if not python.exists():
        return None
    # Nothing of this project is on its path, and it may write where it runs.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryDirectory(prefix="evopipe-bench-") as directory:
        done = subprocess.run(
            [str(python), str(SCRIPTS / script), directory, *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            cwd=directory,
            env=environ,
        )
    if done.returncode == ABSENT:
        return None
    if done.returncode != 0:
        raise RuntimeError(f"{script} {' '.join(words)} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def ratios(ours: Mapping[str, Any], peers: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """How many times faster evopipe is, for each peer that was measured, in the mode that promises what the peer does.

    Over 1: evopipe is faster (at one step, in steps a second, with 1,000 runs at once).
    """
    found: dict[str, dict[str, float]] = {}
    for name, theirs in peers.items():
        if not isinstance(theirs, Mapping):
            continue
        measured = cast("Mapping[str, Any]", theirs)
        mode = ours["normal" if name.endswith("_normal") else "full"]
        found[name] = {
            "step": measured["step_us"] / mode["step_us"],
            "steps_per_s": mode["steps_per_s"] / measured["steps_per_s"],
            "at_once_1000": measured["at_once_1000"]["seconds"] / mode["at_once_1000"]["seconds"],
        }
    return found
