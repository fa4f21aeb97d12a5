"""Puts the durable engines that `python -m bench durable` compares evopipe with into an environment of their own.

`python scripts/install_bench_peers.py [DIR]`: from PyPI into DIR (default: .peers in this checkout). They share nothing
with evopipe's own environment. Without them the benchmark still runs and says "not installed" in their places. Ends
with 1 and pip's own words when the index does not answer.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

# As measured in docs and reports; another version is another figure.
PEERS = ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2", "aiosqlite==0.22.1", "dbos==3.4.0")
DEADLINE_S = 900


def main() -> int:
    """Makes the environment if there is none, and installs what is missing."""
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / ".peers"
    python = place / "bin" / "python"
    if not python.exists():
        sys.stdout.write(f"creating {place}\n")
        venv.create(place, with_pip=True)
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *PEERS]
    if subprocess.run(command, check=False, timeout=DEADLINE_S).returncode != 0:
        sys.stderr.write(f"the peers could not be installed into {place}: see what pip said\n")
        return 1
    sys.stdout.write(f"installed into {place}: {', '.join(PEERS)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
