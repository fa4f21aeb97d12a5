"""Since when a step that holds pipelines is at work, over restarts of the node; and how much memory the node uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from actors.steps.context import StepContext

_OPENED: Final = "@opened"
_STATM: Final = Path("/proc/self/statm")


async def ran_for_s(context: StepContext, max_seconds: float | None) -> float:
    """Seconds since the step first began, by the journal; 0 without a limit to hold it to."""
    if max_seconds is None:
        return 0.0
    now = context.kernel.clock.wall()
    began = await context.record(_OPENED, now)
    return max(0.0, now - began) if isinstance(began, int | float) else 0.0


def resident_bytes() -> float:
    """The process's resident memory; 0 where the system does not tell."""
    try:
        return float(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0.0
