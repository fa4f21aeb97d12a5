"""Requests from the bytes of one connection, one after the other, within bounds.

llhttp reads what comes in one go and knows no bounds: what it has read of a head, or of the fields behind a body, may
be of any size, and a pipeline of requests of any length. Here a head is bounded, and what a client sends ahead of its
answers stays bytes until its turn comes.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import httptools

from runtime.gateway.exchange import Exchange
from runtime.gateway.heads import INCOMPLETE, LONG_FRAMING, OTHER_VERSION, VERSIONS, Refusal, bad_http, head_too_large
from runtime.gateway.parsing import ReadFlow, RequestParser

# So much is parsed at a time: the requests in it are objects, all that follows them stays bytes.
SLICE_BYTES: Final = 4_096
_NO_VERSION: Final = "0.0"  # none has been read yet


class RequestReader(RequestParser):
    """Starts each request's endpoint when the requests before it are answered. What is no request is answered with
    `tell`, behind the answers to all that were."""

    flow: Any  # a `ReadFlow`
    running: Exchange | None = None  # the one whose endpoint is at work, or was last
    unread: bytes = b""  # what came while a request was at work
    ended: bool = False  # the client sends no more, and reads on
    hurries: bool = False  # ... or has left: nobody can tell
    unsent: bool = False  # the newest answer is complete, and the client has not read all of it
    idle_since: float | None = None  # seconds of the loop's clock; None: a request is there, or has begun
    unparsed: int = 0  # bytes since something whole was found

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The connection begins."""
        super().connection_made(transport)
        self.flow = ReadFlow(transport)

    def tell(self, refusal: Refusal) -> None:
        """Writes a whole answer past the exchanges and closes."""
        raise NotImplementedError

    def watch_head(self) -> None:
        """Limits the wait for the rest of a head that has begun."""
        raise NotImplementedError

    def answering(self) -> bool:
        """Whether a request has come whose answer is not complete, or not read."""
        return self.running is not None and (self.unsent or not self.running.response_complete)

    def take(self, data: bytes) -> None:
        """Reads what the client sent, or keeps it until the request at work is answered."""
        if self.flaw is not None or self.transport.is_closing():
            return
        self.idle_since = None
        if self.unread or self._full():
            self._keep(data)
            return
        if len(data) <= SLICE_BYTES:
            self._parse(data)
            return
        for at in range(0, len(data), SLICE_BYTES):
            self._parse(data[at : at + SLICE_BYTES])
            rest = at + SLICE_BYTES
            if self.flaw is not None or self.transport.is_closing() or rest >= len(data):
                return
            if self._full():
                self._keep(data[rest:])
                return

    def end(self) -> bool:
        """The client has closed its sending side: false when there is nothing left to answer."""
        self.ended = True
        if self.unread:
            return True  # its requests come first
        if self.flaw is None and self._unfinished():
            self._refuse(INCOMPLETE)
        elif self.flaw is None and self.answering():
            self.cycle.keep_alive = False  # there cannot be another request
        if self.unsent and not self.pipeline and self.flaw is None:
            return False  # the rest of the answer is sent all the same
        return self.answering() and not self.transport.is_closing()

    def hurry(self) -> None:
        """The client may have left: no request waits for long any more."""
        self.hurries = True
        if self.running is not None:
            self.running.hurry()

    def begin(self, exchange: Exchange) -> None:
        """Starts its endpoint now, or when it is its turn."""
        if self.answering():
            self.pipeline.appendleft((exchange, self.app))
        else:
            self._start(exchange)

    def on_response_complete(self) -> None:
        """The next request's turn, or that of what was no request."""
        self.server_state.total_requests += 1
        if self.flow.write_paused and not self.transport.is_closing():
            self.unsent = True  # a client has one unread answer at a time
        else:
            self._go_on()

    def resume_writing(self) -> None:
        """The client has read what there was."""
        super().resume_writing()
        if self.unsent:
            self.unsent = False
            self._go_on()

    def _go_on(self) -> None:
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start(cast("Exchange", self.pipeline.pop()[0]))
        elif self.flaw is not None:
            self.tell(self.flaw)
            return
        if self.unread and not self._full():  # the rest of what was started just now, or the next ones
            unread, self.unread = self.unread, b""
            self.flow.keeps = False
            self.take(unread)
            if self.ended and not self.unread and not self.end():
                self.transport.close()
        self.flow.resume_reading()
        if self.answering() or self.transport.is_closing():
            return
        if self.in_head:
            self.watch_head()
        else:
            self.idle_since = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self._wait_idle(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Ends a connection that has been without a request for the whole time. The timer goes on beside requests:
        to take it back and set it again with each costs more than to look once."""
        self.timeout_keep_alive_task = None
        if self.idle_since is None or self.transport.is_closing():
            return
        left = self.idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._wait_idle(left)
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """The server stops: whoever waits for a run, which goes on at the next start, is told that it is not over."""
        super().shutdown()
        if self.running is not None:
            self.running.end_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the endpoint at work; requests that waited for it are dropped."""
        if self.running is not None and not self.running.response_complete:
            self.running.leave()
        while self.pipeline:
            cast("Exchange", self.pipeline.pop()[0]).let_go()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        self.cycle = self.running = None

    def _start(self, exchange: Exchange) -> None:
        self.running = exchange
        if self.hurries:
            exchange.hurries = True
        self._start_asgi_task(exchange, self.app)

    def _wait_idle(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _full(self) -> bool:
        """Whether a whole request is at work, or one waits behind it."""
        return self.answering() and (bool(self.pipeline) or not self.cycle.more_body)

    def _unfinished(self) -> bool:
        return self.in_head or self._in_body()

    def _in_body(self) -> bool:
        newest: Exchange | None = self.cycle
        return not self.in_head and newest is not None and newest.more_body and not newest.response_complete

    def _keep(self, data: bytes) -> None:
        self.unread += data
        self._stop_reading()

    def _stop_reading(self) -> None:
        self.flow.keeps = True
        self.flow.pause_reading()

    def _parse(self, data: bytes) -> None:
        self.progress = False
        while data or self.rest_head:
            try:
                self.feed(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = data[cast("int", upgrade.args[0]) :]  # to a protocol that is not spoken here: no reason to stop
            except httptools.HttpParserError as error:
                self._refuse(self.flaw or self._misread(error))
                return
        self.unparsed = 0 if self.progress else self.unparsed + len(data)
        if self.unparsed > self.head_bytes:
            self._refuse(head_too_large(self.head_bytes) if self.in_head else LONG_FRAMING)

    def _misread(self, error: httptools.HttpParserError) -> Refusal:
        # The preface of an HTTP/2 connection, too, has the form of a request.
        if self.in_head and self.parser.get_http_version() not in {_NO_VERSION, *VERSIONS}:
            return OTHER_VERSION
        return bad_http(str(error))  # llhttp's own words, none of the client's

    def _refuse(self, flaw: Refusal) -> None:
        """Ends the connection with this answer, once the requests that came whole are answered."""
        self.flaw = flaw
        self.logger.warning("Invalid HTTP request received.")
        broken: Exchange | None = self.cycle if self._in_body() else None
        if broken is not None and self.pipeline:
            self.pipeline.popleft()  # the newest: itself
            broken.let_go()
        if self.answering() and broken is not self.running:
            self._stop_reading()
        elif broken is not None and broken.response_started:
            self.transport.close()  # its answer is on its way; a second one would corrupt it
        else:
            self.tell(flaw)
