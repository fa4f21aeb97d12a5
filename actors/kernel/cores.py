"""Which cores a thread runs on: those that the process was given, or fewer.

A new thread gets the cores of the one that starts it. So threads that do not work for the loop's own thread `roam`.
"""

from __future__ import annotations

import os
from contextlib import suppress


def cores_here() -> frozenset[int]:
    """The cores that the calling thread may run on; empty where the system does not tell."""
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


GIVEN = cores_here()
"""Those of the process, as it was when this was loaded."""


def stay_on(cores: frozenset[int], who: int = 0) -> bool:
    """Has a thread (0: the calling one; else the first one of the process `who`) run on `cores` only, and every thread
    and process that it starts from now on. False when the system does not want that; then nothing has changed."""
    with suppress(OSError, AttributeError):
        os.sched_setaffinity(who, cores)
        return True
    return False


def roam(who: int = 0) -> None:
    """Gives a thread, as in `stay_on`, all the cores that this process was given."""
    if GIVEN:
        stay_on(GIVEN, who)
