"""A temporary home for one demonstration: no file, key or running node of the user's is seen or touched."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# A Unix socket's path may have about 100 characters; some systems' temp directories use most of them up.
LONGEST_BASE = 60
DROPPED_PREFIXES = ("EVOPIPE_", "XDG_", "ANTHROPIC_", "GEMINI_", "GOOGLE_")
#: Slow enough that something can be killed while it works, fast enough to watch.
OFFLINE_LATENCY_S = 0.4


@dataclass(frozen=True, slots=True)
class Home:
    """The directories of one demonstration and the environment that points there."""

    root: Path
    environ: Mapping[str, str]

    @property
    def socket(self) -> Path:
        """Where the node listens."""
        return self.root / "run" / "evopipe" / "evopipe.sock"

    @property
    def state(self) -> Path:
        """Where the node keeps its journal, logs and kill switches."""
        return self.root / "state" / "evopipe"

    def directory(self, name: str) -> Path:
        """A fresh working directory below the home."""
        made = self.root / name
        made.mkdir(parents=True)
        return made


@contextmanager
def temporary_home() -> Generator[Home]:
    """Makes the home and removes it afterwards."""
    base = tempfile.gettempdir()
    root = Path(tempfile.mkdtemp(prefix="evopipe-demo-", dir=base if len(base) <= LONGEST_BASE else "/tmp"))
    try:
        yield Home(root, _environ(root))
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _environ(root: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(DROPPED_PREFIXES)}
    places = {"HOME": root, "XDG_RUNTIME_DIR": root / "run", "XDG_STATE_HOME": root / "state"}
    places |= {"XDG_CONFIG_HOME": root / "config", "XDG_CACHE_HOME": root / "cache", "XDG_DATA_HOME": root / "data"}
    for place in places.values():
        place.mkdir(mode=0o700, exist_ok=True)
    return {
        **kept,
        **{key: str(place) for key, place in places.items()},
        "EVOPIPE_METRICS__PORT": "0",
        "EVOPIPE_PROVIDERS__OFFLINE__LATENCY_S": str(OFFLINE_LATENCY_S),
        "EVOPIPE_PROVIDERS__OFFLINE__CONNECTIONS": "1",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }
