"""What every test may use: run a coroutine on a fresh loop with a deadline, and see what it leaves open."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], timeout_s: float = 10.0) -> T:
    """Runs `main` on a fresh event loop; raises `TimeoutError` when it takes longer than `timeout_s`."""

    async def bounded() -> T:
        async with asyncio.timeout(timeout_s):
            return await main

    return asyncio.run(bounded())


def open_files(under: Path) -> list[str]:
    """The files below this directory that this process has open."""
    links = (entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
    return [str(link.readlink()) for link in links if str(link.readlink()).startswith(str(under))]
