"""One request and its answer: uvicorn's, but the head of an answer leaves together with its body.

With a write buffer of nothing (see connection.py) each write is a system call of its own, and wakes the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent  # what uvicorn's own signature says; there is no public name

BODILESS: Final = frozenset({204, 304})
EXTENSION: Final = "evopipe.exchange"
# A client that has only closed its sending side still learns how a short run ends.
UNCERTAIN_S: Final = 5.0


def whole_body(scope: MutableMapping[str, Any]) -> bytes | None:
    """The request's body where all of it has come already: then there is nothing to wait for, and no time to limit.
    Else, and under another server, None: it is to be received."""
    exchange: Exchange | None = scope.get("extensions", {}).get(EXTENSION)
    return exchange.take_body() if exchange is not None else None


@contextmanager
def until_left(scope: MutableMapping[str, Any], wait: asyncio.Timeout) -> Generator[None]:
    """Ends `wait` (a `TimeoutError` where it is awaited) when the server stops, when the client has left, and soon
    after it may have left: a long wait that nobody hears the end of is counted by no bound on connections."""
    exchange: Exchange | None = scope.get("extensions", {}).get(EXTENSION)
    if exchange is None:
        yield
        return

    def end(within_s: float) -> None:
        at, limit = asyncio.get_running_loop().time() + within_s, wait.when()
        if not wait.expired() and (limit is None or at < limit):
            wait.reschedule(at)

    exchange.waits = end
    if exchange.disconnected or exchange.hurries:
        end(0.0 if exchange.disconnected else UNCERTAIN_S)
    try:
        yield
    finally:
        exchange.waits = None


class Exchange(RequestResponseCycle):
    """What an endpoint receives from and sends to. After `send` of the last part the next request's turn comes."""

    held: bytes = b""  # the head, until its body is there
    waits: Callable[[float], None] | None = None  # ends what its endpoint waits for
    hurries: bool = False  # nobody can tell whether the client is still there

    def leave(self) -> None:
        """The client has left: its endpoint is told when it asks, or at once where it waits `until_left`."""
        self.disconnected = True
        self.message_event.set()
        self.end_wait()

    def end_wait(self, within_s: float = 0.0) -> None:
        """Has an endpoint that waits `until_left` answer in so many seconds at the latest."""
        if self.waits is not None:
            self.waits(within_s)

    def hurry(self) -> None:
        """The client may have left: a long wait, also one that is still to begin, ends within `UNCERTAIN_S`."""
        self.hurries = True
        self.end_wait(UNCERTAIN_S)

    def take_body(self) -> bytes | None:
        """The body when it is whole, as `receive` would give it; None when it is not, or the client has left."""
        if self.more_body or self.disconnected or self.response_complete:
            return None
        self.flow.resume_reading()
        self.message_event.clear()
        whole, self.body = bytes(self.body), bytearray()
        return whole

    async def send(self, message: ASGISendEvent) -> None:
        """Takes the head or a part of the body; waits while the client does not read, drops it when it has left.

        Raises `RuntimeError` for what no answer may be: a second head, a body of another length than announced.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            self.let_go()
            return
        told = cast("dict[str, Any]", message)
        if not self.response_started:
            _expect("http.response.start", told)
            self._begin(told["status"], told.get("headers", ()))
        elif not self.response_complete:
            _expect("http.response.body", told)
            self._go_on(told.get("body", b""), bool(told.get("more_body", False)))
        else:
            raise RuntimeError(f"Unexpected ASGI message {told['type']!r}: the response is complete.")

    def let_go(self) -> None:
        """Its endpoint asks for nothing more. The scope leads back here, and nothing may wait for a garbage
        collection."""
        self.scope.get("extensions", {}).pop(EXTENSION, None)

    def _begin(self, status: int, headers: Any) -> None:
        self.let_go()
        self.response_started = True
        self.waiting_for_100_continue = False
        lines = [STATUS_LINE[status]]
        closes = False
        for raw, value in (*self.default_headers, *headers):
            name = _field_name(raw)
            if not value.isalnum() and HEADER_VALUE_RE.search(value):
                raise RuntimeError(f"Invalid HTTP header {name!r}.")
            if name == b"content-length" and self.chunked_encoding is None:
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"transfer-encoding" and value.lower() == b"chunked":
                self.expected_content_length = 0
                self.chunked_encoding = True
            elif name == b"connection" and b"close" in [token.strip() for token in value.lower().split(b",")]:
                self.keep_alive = False
                closes = True
            lines += (name, b": ", value, b"\r\n")
        if not self.keep_alive and not closes:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in BODILESS:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        if self.chunked_encoding is False:  # its body is there already
            self.held = head
        else:  # a stream, whose first part may be a while in coming
            self.transport.write(head)

    def _go_on(self, body: bytes, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            part = b""
        elif self.chunked_encoding:
            part = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                part += b"0\r\n\r\n"
        else:
            if len(body) > self.expected_content_length:
                raise RuntimeError("Response content longer than Content-Length")
            self.expected_content_length -= len(body)
            part = body
        if not more and self.expected_content_length != 0:
            self._flush(part)
            raise RuntimeError("Response content shorter than Content-Length")
        self._flush(part)
        if not more:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _flush(self, part: bytes) -> None:
        whole, self.held = self.held + part if self.held else part, b""
        if whole:
            self.transport.write(whole)


@lru_cache(maxsize=200)  # nearly all answers have the same three
def _field_name(raw: bytes) -> bytes:
    name = raw.lower()
    if HEADER_RE.search(name):
        raise RuntimeError(f"Invalid HTTP header {name!r}.")
    return name


def _expect(kind: str, message: dict[str, Any]) -> None:
    if message["type"] != kind:
        raise RuntimeError(f"Expected ASGI message {kind!r}, but got {message['type']!r}.")
