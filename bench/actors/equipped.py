"""A kernel with everything switched on that a node has: metrics, the log of crashes in a file, the loop's watchdog, the
node's policy for the garbage collector. What is measured on it is what a user gets."""

from __future__ import annotations

from pathlib import Path

from actors.kernel import Kernel, LoopWatchdog
from actors.killswitch import KillView
from runtime.daemon.heap import settle_heap
from runtime.daemon.logs import configure_logging
from runtime.log_events import log_lifecycle
from runtime.metrics import NodeMetrics
from runtime.settings import LoggingSettings


async def equipped_kernel(directory: Path) -> Kernel:
    """Makes the kernel; its log goes to a file in `directory`."""
    settings = LoggingSettings(level="info", max_bytes=10_000_000, backups=1)
    configure_logging(settings, directory / "node.log", stderr="no")
    kernel = Kernel()
    NodeMetrics(kernel, KillView()).attach()
    log_lifecycle(kernel.events)
    await kernel.spawn(LoopWatchdog, name="loop_watchdog")
    settle_heap()
    return kernel
