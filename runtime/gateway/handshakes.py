"""TLS before HTTP: connections are accepted here, and their handshakes bounded in number and time.

HTTP's protocol hears of a connection, and counts it, when its handshake is done. One that is never done would take a
file of the node and no place, for as long as the loop waits by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

MOST_HANDSHAKES = 64
HANDSHAKE_S = 10.0
# For the other side's farewell; a connection without it is closed all the same.
FAREWELL_S = 2.0
# When the system has no file for another connection.
NO_FILE_S = 0.5


class Handshakes:
    """The listener's connections, each handed to a protocol when its handshake is done.

    One that is not done after `deadline_s` ends. When there are `most`, the oldest gives its place to the next: an
    honest one takes a few round trips.
    """

    def __init__(
        self, context: ssl.SSLContext, *, most: int = MOST_HANDSHAKES, deadline_s: float = HANDSHAKE_S
    ) -> None:
        self._context = context
        self._most = most
        self._deadline_s = deadline_s
        self._open: dict[asyncio.Task[None], None] = {}

    async def accept(self, listener: socket.socket, made: Callable[[], asyncio.Protocol]) -> None:
        """Takes connections until it is cancelled, which ends the handshakes that are not done."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    connection, _ = await loop.sock_accept(listener)
                except OSError:
                    await asyncio.sleep(NO_FILE_S)
                    continue
                if len(self._open) >= self._most:
                    oldest = next(iter(self._open))
                    del self._open[oldest]
                    oldest.cancel()
                task = loop.create_task(self._shake(connection, made))
                self._open[task] = None
                task.add_done_callback(lambda done: self._open.pop(done, None))
                await asyncio.sleep(0)  # others have their turn, too, while a whole backlog comes
        finally:
            for task in list(self._open):
                task.cancel()

    async def _shake(self, connection: socket.socket, made: Callable[[], asyncio.Protocol]) -> None:
        with contextlib.suppress(OSError):  # gone, too slow, or no TLS at all
            await asyncio.get_running_loop().connect_accepted_socket(
                made,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=self._deadline_s,
                ssl_shutdown_timeout=FAREWELL_S,
            )
