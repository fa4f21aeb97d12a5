"""The CLI and the node as processes: `--help`, `up` until ready, memory when idle.

The baseline is `python -c pass`: what the interpreter costs before any line of evopipe runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.figures import Scale, median, resident_kb
from runtime.demo.home import Home, temporary_home

_SCRIPT = Path(sys.executable).with_name("evopipe")
#: As a user calls it; in an environment into which nothing was installed, the module behind it.
EVOPIPE = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-m", "runtime.cli"]
HELP_ROUNDS = 15
UP_ROUNDS = 3
DEADLINE_S = 60.0


def seconds_of(command: list[str], home: Home) -> float:
    """Runs a command to its end; raises `CalledProcessError` when it fails."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_S, env=dict(home.environ))
    return time.perf_counter() - started


def one_node(home: Home) -> dict[str, float]:
    """Starts a node, takes its memory while it idles, stops it."""
    up_s = seconds_of([*EVOPIPE, "up", "--detach"], home)
    status = subprocess.run(
        [*EVOPIPE, "status", "--json"],
        check=True,
        capture_output=True,
        timeout=DEADLINE_S,
        env=dict(home.environ),
    )
    idle_mb = resident_kb(int(json.loads(status.stdout)["pid"])) / 1024
    down_s = seconds_of([*EVOPIPE, "down"], home)
    return {"up_until_ready_s": up_s, "idle_rss_mb": idle_mb, "down_s": down_s}


def measure(scale: Scale) -> dict[str, Any]:
    """Returns medians, in seconds and MB."""
    with temporary_home() as home:
        seconds_of([*EVOPIPE, "--help"], home)  # compiles what is not compiled yet
        helps = [seconds_of([*EVOPIPE, "--help"], home) for _ in range(scale.count(HELP_ROUNDS))]
        bare = [seconds_of([sys.executable, "-c", "pass"], home) for _ in range(scale.count(HELP_ROUNDS))]
        try:
            nodes = [one_node(home) for _ in range(scale.rounds(UP_ROUNDS))]
        finally:
            subprocess.run(
                [*EVOPIPE, "down", "--now"],
                check=False,
                capture_output=True,
                timeout=DEADLINE_S,
                env=dict(home.environ),
            )
    return {
        "help_s": median(helps),
        "bare_interpreter_s": median(bare),
        **{key: median([node[key] for node in nodes]) for key in nodes[0]},
    }


if __name__ == "__main__":
    print(json.dumps(measure(Scale()), indent=2))
