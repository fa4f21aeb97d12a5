"""`python -m bench [NAME...] [--output DIR]`: runs the measurements and prints them beside their targets.

Writes one JSON file per measurement. A missed target is reported, not an error: machines differ. The exit code
is 1 only when a measurement could not be taken.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.figures import machine
from bench.targets import lines

NAMES = ("actors", "engine", "startup")


def main() -> int:
    """Runs what is named (all by default)."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--output", type=Path, default=Path("out/bench"))
    asked = parser.parse_args()
    unknown = sorted(set(asked.names) - set(NAMES))
    if unknown:
        parser.error(f"no measurement named {', '.join(unknown)}; there are {', '.join(NAMES)}")
    asked.output.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"machine": machine()}
    failed: list[str] = []
    for name in asked.names or NAMES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        measure: Callable[[], dict[str, Any]] = import_module(f"bench.{name}").measure
        try:
            report[name] = measure()
        except Exception as error:
            print(f"{name} could not be measured: {error}", file=sys.stderr)
            failed.append(name)
            continue
        text = json.dumps({"machine": report["machine"], name: report[name]}, indent=2)
        (asked.output / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print("\n".join(lines(report)))
    print(f"JSON in {asked.output}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
