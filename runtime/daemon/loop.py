"""The node's event loop: uvloop's, where it is installed, else asyncio's own.

Nothing of the node needs the one or the other: tests and the chaos suite run it on asyncio's, the latter with a time of
its own. uvloop spares a part of the work for the same runs and requests (docs/adr/0005).
"""

from __future__ import annotations

import asyncio
import os

VARIABLE = "EVOPIPE_LOOP"
"""Set to `asyncio` it keeps uvloop away: to find out whether that is to blame for something."""


def node_loop() -> asyncio.AbstractEventLoop:
    """A new loop that is not running."""
    if os.environ.get(VARIABLE, "").strip().lower() != "asyncio":
        try:
            import uvloop  # noqa: PLC0415 - it is not there on every platform
        except ImportError:
            pass
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()
