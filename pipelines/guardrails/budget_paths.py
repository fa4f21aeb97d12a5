"""The names of budgets. Apart from the rest, so that reading settings loads nothing else."""

from __future__ import annotations

from typing import Final

KINDS: Final = ("day", "tenant", "tier", "pipeline", "class", "run", "step")


def check_path(path: str) -> str:
    """The path of a limit. Raises `ValueError` with what was expected."""
    kind, slash, name = path.partition("/")
    fine = path == "day" if kind == "day" else kind in KINDS and bool(slash) and 0 < len(name) <= 200
    if not fine or not path.isprintable():
        raise ValueError(
            f"{path[:80]!r} names no budget; expected day, tenant/NAME, tier/NAME, pipeline/NAME, class/NAME, "
            "run/TIER or step/CLASS (NAME may be * for each without its own)"
        )
    return path
