"""`evopipe validate` as a person or an editor runs it: a new process each time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from bench.figures import median
from bench.language.definitions import definition

LIBRARIES = "import yaml, pydantic.main, jinja2, typer"


def validate(count: int) -> dict[str, float]:
    """Seconds of the whole command for 20 and for 200 steps, and of an interpreter that only imports its libraries."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        for steps in (20, 200):
            file = Path(directory) / f"{steps}.yaml"
            file.write_text(definition(steps), encoding="utf-8")
            figures[f"steps_{steps}_s"] = _seconds(["-m", "runtime.cli", "validate", str(file)], count)
    libraries = _seconds(["-c", LIBRARIES], count)
    return {**figures, "libraries_s": libraries, "ratio_to_libraries": figures["steps_20_s"] / libraries}


def _seconds(arguments: list[str], count: int) -> float:
    samples: list[float] = []
    for _ in range(count):
        started = perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, timeout=60)
        samples.append(perf_counter() - started)
    return median(samples)
