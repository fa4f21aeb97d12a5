"""What every test may use: run a coroutine on a fresh loop with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], timeout_s: float = 10.0) -> T:
    """Runs `main` on a fresh event loop; raises `TimeoutError` when it takes longer than `timeout_s`."""

    async def bounded() -> T:
        async with asyncio.timeout(timeout_s):
            return await main

    return asyncio.run(bounded())
