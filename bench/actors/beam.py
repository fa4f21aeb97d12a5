"""The same work on the BEAM (bench/beam/actors.erl), where `erl` and `erlc` are installed.

`scripts/install_peers.sh` installs them on Debian. Where they are missing the report says so in place of the figures.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench.figures import Scale, median

SOURCE = Path(__file__).resolve().parents[1] / "beam" / "actors.erl"
MISSING = "not installed: sh scripts/install_peers.sh (Debian's erlang-base)"
DEADLINE_S = 60.0

#: Name in the report (empty: the figures stand beside one another), what the Erlang module calls it, full count.
WORK = (
    ("", "spawn", 20_000),
    ("", "supervised", 10_000),
    ("", "calls", 50_000),
    ("", "tells", 500_000),
    ("waiting_10000", "waiting", 10_000),
    ("recovery", "recovery", 1_000),
    ("recovery_among_10000", "recovery_among", 10_000),
    ("one_for_all_1000", "one_for_all", 1_000),
    ("tree_10000", "tree", 10_000),
    ("growth_100000", "growth", 100_000),
)


def beam_figures(scale: Scale, rounds: int) -> dict[str, Any] | str:
    """The medians of `rounds` runs, each in a VM of its own, or the sentence that says how to get a VM.

    Raises `RuntimeError` with the VM's own words when the module does not compile or a measurement fails.
    """
    erl, erlc = shutil.which("erl"), shutil.which("erlc")
    if erl is None or erlc is None:
        return MISSING
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as directory:
        _run([erlc, "-o", directory, str(SOURCE)], directory)
        for place, what, full in WORK:
            # Fewer than ten make no tree to speak of, and the module counts on a hundred for its growth.
            count = max(200 if what == "growth" else 10, scale.count(full))
            command = [erl, "-noshell", "+P", "1000000", "-pa", directory, "-run", "actors", "main", what, str(count)]
            runs = [json.loads(_run(command, directory)) for _ in range(scale.rounds(rounds))]
            medians = {key: median([run[key] for run in runs]) for key in runs[0]}
            figures.update({place: medians} if place else medians)
    return figures


def _run(command: list[str], directory: str) -> str:
    # Reports of crashes go into a file, as evopipe's do. The crash dump of a VM that fails would land in the checkout.
    environ = {**os.environ, "BEAM_LOG": f"{directory}/log", "ERL_CRASH_DUMP": f"{directory}/dump"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=DEADLINE_S, env=environ)
    if done.returncode != 0 or done.stderr:
        raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}{done.stderr}"[-2000:])
    return done.stdout
