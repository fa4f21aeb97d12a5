"""The arithmetic that all measurements share, and what a process says about its own memory."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of the full work is done: `share` is more than 0 and at most 1."""

    share: float = 1.0

    def count(self, full: int) -> int:
        """How often something is done, at least once."""
        return max(1, int(full * self.share))

    def rounds(self, full: int) -> int:
        """How often a measurement is repeated for its median: once when it is only a look."""
        return full if self.share == 1.0 else 1


def percentile(samples: Sequence[float], share: float) -> float:
    """Returns the nearest-rank percentile of `samples`; `share` is between 0 and 1."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(samples: Sequence[float]) -> float:
    """Returns the middle sample (the upper one of two)."""
    return percentile(samples, 0.5)


def resident_kb(pid: int | str = "self") -> int:
    """Returns the resident set of a process in KB; only where /proc exists."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/{pid}/status has no VmRSS line")


def in_fresh_process(module: str, *args: str, timeout_s: float = 300.0) -> Any:
    """Runs `python -m module args` and returns the JSON of its last output line.

    Memory and spawn figures need it: a heap that another measurement has grown and freed hides what is new.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *args],
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module} {' '.join(args)} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def machine() -> dict[str, Any]:
    """Returns what a reader needs to compare figures: interpreter, cores, architecture."""
    import os

    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
    }
