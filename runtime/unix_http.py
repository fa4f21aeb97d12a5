"""One HTTP request at a time over a Unix socket, with the standard library's client.

Not httpx: it brings its own command line along (click, rich, pygments), which was a quarter of what a command costs.
"""

from __future__ import annotations

import http.client
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CONNECT_TIMEOUT_S = 5.0
BLOCK_BYTES = 65_536

#: What a request raises when nobody answers, or the answer breaks off.
TRANSPORT_ERRORS = (OSError, http.client.HTTPException)

Answer = http.client.HTTPResponse


class UnixConnection(http.client.HTTPConnection):
    """A connection to whoever listens on `socket_path`; it is made by the first request.

    All methods raise one of `TRANSPORT_ERRORS`; after that the connection is closed.
    """

    def __init__(self, socket_path: Path) -> None:
        super().__init__("evopipe")
        self._socket_path = socket_path

    def connect(self) -> None:
        """Connects within `CONNECT_TIMEOUT_S`."""
        self.sock = self._connected()

    def ask(self, method: str, target: str, body: bytes | None, timeout_s: float) -> Answer:
        """Sends one request; the answer's status and headers, its body still to be read.

        No single wait for the other side takes longer than `timeout_s`. The answer before must have been read to its
        end; a connection that the other side has closed since is made anew.
        """
        if self.sock is None or _has_ended(self.sock):
            self.close()
            self.sock = self._connected()
        self.sock.settimeout(timeout_s)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            # Refused before it was read to its end: the answer says why, if there is one.
            with suppress(BrokenPipeError, ConnectionResetError):
                self.request(method, target, body, headers)
            return self.getresponse()
        except BaseException:
            self.close()
            raise

    def silence(self, seconds: float) -> None:
        """No single wait for the rest of the answer takes longer."""
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(CONNECT_TIMEOUT_S)
            connection.connect(str(self._socket_path))
        except BaseException:
            connection.close()
            raise
        return connection


def blocks_of(answer: Answer) -> Iterator[bytes]:
    """The body's bytes as they come. Raises one of `TRANSPORT_ERRORS` when it breaks off."""
    while block := answer.read1(BLOCK_BYTES) if answer.chunked else answer.read(BLOCK_BYTES):
        yield block
    if answer.length:  # the standard library takes an end before its time for the end
        raise http.client.IncompleteRead(b"", answer.length)


def lines_of(answer: Answer) -> Iterator[str]:
    """The body's lines as they come, without their ends. Raises one of `TRANSPORT_ERRORS` when it breaks off."""
    # Not by the answer's own `readline`: it takes a missing last chunk for the end.
    rest = b""
    for block in blocks_of(answer):
        *lines, rest = (rest + block).split(b"\n")
        yield from map(_text, lines)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")


def _has_ended(connection: socket.socket) -> bool:
    """Whether there is something to read where nothing was asked: the end."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))
