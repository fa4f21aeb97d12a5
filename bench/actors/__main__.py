"""`python -m bench.actors [WHAT COUNT]`: one measurement in this process, or all of them, as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from actors.kernel import Kernel
from bench.actors import failing, growth, messaging, spawning, trees
from bench.actors.equipped import equipped_kernel

WHAT: dict[str, Callable[[Kernel, int], Awaitable[dict[str, Any]]]] = {
    "spawn": spawning.spawn,
    "supervised": spawning.supervised,
    "calls": messaging.calls,
    "tells": messaging.tells,
    "threads": messaging.threads,
    "waiting": messaging.waiting,
    "recovery": failing.recovery,
    "recovery_among": failing.recovery_among,
    "recovery_among_dynamic": failing.recovery_among_dynamic,
    "one_for_all": failing.one_for_all,
    "tree": trees.tree,
    "growth": growth.growth,
}


async def one(what: str, count: int) -> dict[str, Any]:
    """One measurement on a kernel of its own."""
    with tempfile.TemporaryDirectory() as directory:
        return await WHAT[what](await equipped_kernel(Path(directory)), count)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        loop = asyncio.new_event_loop()
        print(json.dumps(loop.run_until_complete(one(sys.argv[1], int(sys.argv[2])))), flush=True)
        # Ten thousand orderly exits would be measured by nobody and waited for by everybody.
        os._exit(0)
    from bench.actors import measure
    from bench.figures import Scale

    print(json.dumps(measure(Scale()), indent=2))
