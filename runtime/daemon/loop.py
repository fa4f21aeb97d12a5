"""The node's event loop: uvloop's, where it is installed, else asyncio's own.

Nothing of the node needs the one or the other: tests and the chaos suite run it on asyncio's, the latter with a time of
its own. uvloop spares a part of the work for the same runs and requests (docs/adr/0005).
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from actors.kernel.cores import roam
from runtime.daemon.exits import EXIT_BAD_CONFIG, DaemonError

VARIABLE = "EVOPIPE_LOOP"
"""Set to `asyncio` it keeps uvloop away, to find out whether that is to blame for something; set to `uvloop` no other
is taken in its place. Empty: uvloop, where it is installed."""
ASYNCIO, UVLOOP = "asyncio", "uvloop"


def node_loop() -> asyncio.AbstractEventLoop:
    """A new loop that is not running; what it runs in threads may use all cores, wherever its own thread is bound.
    Raises `DaemonError`: see `wanted_loop`."""
    loop = _new_loop()
    loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="evopipe-worker", initializer=roam))
    return loop


def _new_loop() -> asyncio.AbstractEventLoop:
    wanted = wanted_loop()
    if wanted != ASYNCIO:
        try:
            import uvloop  # noqa: PLC0415 - it is not there on every platform
        except ImportError:
            if wanted == UVLOOP:
                raise DaemonError(
                    f"{VARIABLE}=uvloop, but uvloop is not installed here; install it, or leave {VARIABLE} empty.",
                    EXIT_BAD_CONFIG,
                ) from None
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def wanted_loop() -> str:
    """Which loop the environment asks for, empty: whichever is there. Raises `DaemonError` for one that there is not,
    so that nobody takes the one for the other."""
    given = os.environ.get(VARIABLE, "")
    wanted = given.strip().lower()
    if wanted not in ("", ASYNCIO, UVLOOP):
        raise DaemonError(
            f"{VARIABLE}={given[:60]!r} names no event loop; it may be `asyncio`, `uvloop`, or empty (uvloop where it "
            "is installed).",
            EXIT_BAD_CONFIG,
        )
    return wanted
