"""uvicorn's server as one task of an actor, for the socket and for the metrics."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn

LAST_WORDS_S = 1.0


class EmbeddedServer(uvicorn.Server):
    """No signal handlers, `ready` is set once it listens, and a cancelled `serve` can be cut off without a rest."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals belong to the daemon."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen."""
        await super().startup(sockets)
        self.ready.set()

    def made(self) -> asyncio.Protocol:
        """A protocol for a connection that somebody else has accepted."""
        make: Any = self.config.http_protocol_class
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def cut_off(self) -> None:
        """Closes what is still open. Does nothing after an orderly end."""
        for server in getattr(self, "servers", ()):
            server.close()
        for task in list(self.server_state.tasks):
            task.cancel()
        for connection in list(self.server_state.connections):
            # What was answered in this very turn (to whoever had the server killed) may not have left yet: uvloop sends
            # at the turn's end. A client that takes nothing does not hold it up for long.
            connection.transport.close()
            asyncio.get_running_loop().call_later(LAST_WORDS_S, connection.transport.abort)
