"""`python -m bench [NAME...] [--output DIR] [--scale S]`: runs the measurements and prints them beside their targets.

Writes one JSON file per measurement, with the targets and whether each is met, and `report.json` with all of them. A
missed target is reported, not an error: machines differ. The exit code is 1 only when a measurement could not be taken.
With a scale under 1 everything is done less often: a look, not a result.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.figures import Scale, machine
from bench.targets import lines, verdicts

NAMES = ("actors", "engine", "language", "durable", "switches", "admission", "startup")


def main() -> int:
    """Runs what is named (all by default)."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--output", type=Path, default=Path("out/bench"))
    parser.add_argument("--scale", type=float, default=1.0, metavar="S", help="share of the full counts (default 1)")
    asked = parser.parse_args()
    if not 0 < asked.scale <= 1:
        parser.error("--scale must be more than 0 and at most 1")
    unknown = sorted(set(asked.names) - set(NAMES))
    if unknown:
        parser.error(f"no measurement named {', '.join(unknown)}; there are {', '.join(NAMES)}")
    asked.output.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"machine": machine(), "scale": asked.scale}
    scale = Scale(asked.scale)
    failed: list[str] = []
    for name in asked.names or NAMES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        measure: Callable[[Scale], dict[str, Any]] = import_module(f"bench.{name}").measure
        try:
            report[name] = measure(scale)
        except Exception as error:
            print(f"{name} could not be measured: {error}", file=sys.stderr)
            failed.append(name)
            continue
        write(asked.output / f"{name}.json", {key: report[key] for key in ("machine", "scale", name)})
    write(asked.output / "report.json", report)
    print("\n".join(lines(report)))
    print(f"JSON in {asked.output}")
    return 1 if failed else 0


def write(path: Path, report: dict[str, Any]) -> None:
    """Writes a report with its verdicts."""
    path.write_text(json.dumps({**report, "targets": list(verdicts(report))}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
