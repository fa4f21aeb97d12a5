"""A daemon process around a node that does nothing, for tests: `python -m tests.runtime.fake_daemon --ready-fd N`.

What happens to the node is written, a line each, to the file in FAKE_NODE_DIARY. FAKE_NODE_FAILS makes the start
fail, FAKE_NODE_HANGS makes draining and stopping take for ever, FAKE_NODE_THREAD a thread.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from actors.kernel import Kernel
from pipelines.guardrails import Triggered
from runtime.daemon import process, run_daemon
from runtime.settings import Settings
from runtime.shutdown import ShutdownRequest


class FakeNode:
    """Writes down what it is asked."""

    def __init__(self, settings: Settings) -> None:
        self.kernel = Kernel()
        self.shutdown = ShutdownRequest()
        self._settings = settings
        self._diary = Path(os.environ["FAKE_NODE_DIARY"])
        self._hangs = "FAKE_NODE_HANGS" in os.environ

    async def start(self) -> None:
        if "FAKE_NODE_FAILS" in os.environ:
            raise OSError(98, "the metrics port 9464 is in use")
        self._note("start")
        if "FAKE_NODE_THREAD" in os.environ:
            asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)

    async def drain(self, timeout_s: float) -> None:
        self._note(f"drain {timeout_s:g}")
        if self._hangs:
            await asyncio.Event().wait()

    async def stop(self) -> None:
        self._note("stop")
        if self._hangs:
            await asyncio.Event().wait()

    async def reload(self, settings: Settings) -> None:
        self._note(f"reload {settings.logging.level}")

    def watched_by(self, witness: Callable[[Triggered], None], facts: Callable[[], Mapping[str, object]]) -> None:
        witness({})

    async def trigger_node_switch(self, reason: str, who: str) -> None:
        self._note(f"switch {reason} {who}")

    def _note(self, line: str) -> None:
        with self._diary.open("a", encoding="utf-8") as diary:
            diary.write(line + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready-fd", type=int, default=None)
    process.LEFTOVER_THREADS_S = 0.2
    sys.exit(run_daemon(ready_fd=parser.parse_args().ready_fd, factory=FakeNode))
