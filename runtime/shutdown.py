"""One line by which anything in the node asks the process to end: a signal, the socket, a failed supervision tree."""

from __future__ import annotations

import asyncio


class ShutdownRequest:
    """`draining` is set by the first request, `now` by the second or by an urgent one. Use on the loop's thread.

    `failure` says why when the node cannot go on; the process then ends with a failure code, for systemd to restart.
    """

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        self.now = asyncio.Event()
        self.failure: str | None = None

    def request(self, *, now: bool = False) -> None:
        """Asks to drain and end; a second request, or `now`, asks to end without draining."""
        if now or self.draining.is_set():
            self.now.set()
        self.draining.set()

    def fail(self, reason: str) -> None:
        """The node is beyond repair: ends at once with `reason`. The first reason stays."""
        if self.failure is None:
            self.failure = reason
        self.request(now=True)
