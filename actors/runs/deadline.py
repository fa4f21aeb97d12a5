"""A deadline that interrupts, by the kernel's clock, so that a manual clock can test it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from actors.kernel import Clock


@asynccontextmanager
async def deadline(clock: Clock, timeout_s: float) -> AsyncGenerator[None]:
    """Cancels what runs inside after `timeout_s` seconds and raises `TimeoutError`.

    A cancellation from outside passes through, even when both come together.
    """
    task = asyncio.current_task()
    assert task is not None
    outside = task.cancelling()
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    handle = clock.call_later(timeout_s, expire)
    try:
        yield
    except asyncio.CancelledError as error:
        if expired and task.uncancel() <= outside:
            raise TimeoutError(f"the step did not end within {timeout_s:g} s") from error
        raise
    finally:
        handle.cancel()
