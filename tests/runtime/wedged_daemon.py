"""A real node whose `test_echo` steps can wedge it: `python -m tests.runtime.wedged_daemon --ready-fd N`.

`value: sleep` blocks the loop, `gil` holds the interpreter from C, `spin` does that too and no signal ends it,
`regex` keeps the regular expression engine busy, `talk PORT` sends a byte every 10 ms to that port from a thread, as a
provider's client might.
"""

from __future__ import annotations

import asyncio
import ctypes
import re
import socket
import sys
import threading
import time
from collections import deque
from itertools import repeat
from typing import Any

from actors.steps import STEP_EXECUTORS, StepContext
from runtime.daemon.__main__ import main

WEDGED_S = 60


def _talk(port: int, begun: threading.Event) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while True:
            connection.sendall(b".")
            begun.set()
            threading.Event().wait(0.01)


async def wedge(context: StepContext) -> Any:
    """Does what its value says, on the loop."""
    how, _, more = str(context.step.value).partition(" ")
    match how:
        case "talk":
            begun = threading.Event()
            threading.Thread(target=_talk, args=(int(more), begun), daemon=True).start()
            # The next step may take the interpreter away before the thread has said anything.
            await asyncio.to_thread(begun.wait, 10)
        case "sleep":
            time.sleep(WEDGED_S)  # noqa: TID251 - the point of this file
        case "gil":
            ctypes.PyDLL(None).sleep(WEDGED_S)
        case "spin":
            deque(repeat(None, 10**12), maxlen=0)
        case "regex":
            re.match(r"(a+)+$", "a" * 64 + "b")
        case _:
            pass
    return how


STEP_EXECUTORS["test_echo"] = wedge  # pyright: ignore[reportIndexIssue] - a table for reading, outside of this test

if __name__ == "__main__":
    sys.exit(main())
