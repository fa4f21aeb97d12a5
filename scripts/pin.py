"""Writes the exact versions of an environment as a constraints file: `python scripts/pin.py PYTHON FILE`.

`make pin` calls it after a deliberate upgrade. Only names and versions are written, never where they came
from, so the file works with any package index. pip itself is pinned too: `--group` needs a recent one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAD = """\
# The exact versions this release is built and tested with. Written by `make pin`; not edited by hand.
"""
# Needed in the isolated build of the wheel, where `pip freeze` does not see them.
BUILD = ("hatchling", "pathspec", "trove-classifiers", "editables")


def pins(python: str) -> list[str]:
    """Returns sorted `name==version` lines of everything installed beside `python`, the project left out."""
    frozen = subprocess.run(
        [python, "-m", "pip", "freeze", "--all", "--exclude-editable"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    left_out = {"setuptools", "wheel", "evopipe"}
    return sorted(
        (line for line in frozen if "==" in line and line.split("==")[0].lower() not in left_out),
        key=str.lower,
    )


def main(python: str, target: Path) -> None:
    """Rewrites `target`; build-only pins that the environment does not hold are carried over from it."""
    rows = pins(python)
    have = {row.split("==")[0].lower() for row in rows}
    if target.exists():
        rows += [
            row
            for row in target.read_text(encoding="utf-8").splitlines()
            if row.split("==")[0].lower() in BUILD and row.split("==")[0].lower() not in have
        ]
    target.write_text(HEAD + "\n".join(sorted(rows, key=str.lower)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
