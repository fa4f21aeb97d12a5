"""The future that `ask` gives: pykka's API from any thread, awaitable on any event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
from collections.abc import Generator
from typing import Any

import pykka

from actors.kernel.errors import DeadlockError


class ActorFuture(pykka.Future[Any]):
    """A reply that is there now or later.

    `get` blocks the calling thread, so on the kernel's own loop thread it raises `DeadlockError` while the reply is
    missing: `await` the future there.
    """

    def __init__(self, loop_thread: int | None = None) -> None:
        super().__init__()
        self.inner: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._loop_thread = loop_thread

    def get(self, *, timeout: float | None = None) -> Any:
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if not self.inner.done() and self._on_loop_thread():
            raise DeadlockError(("the event loop", "the event loop"), "use `await ref.call(...)` on the loop")
        try:
            return self.inner.result(timeout)
        except concurrent.futures.TimeoutError as error:
            if self.inner.done():
                raise
            raise pykka.Timeout(f"{timeout} seconds") from error

    def set(self, value: Any = None) -> None:
        self.inner.set_result(value)

    def set_exception(self, exc_info: Any = None) -> None:
        _, value, _ = exc_info or sys.exc_info()
        self.inner.set_exception(value)

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.wrap_future(self.inner).__await__()

    __iter__ = __await__

    def _on_loop_thread(self) -> bool:
        return self._loop_thread == threading.get_ident()
