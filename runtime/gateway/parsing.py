"""What llhttp finds in the bytes of one connection, made into exchanges: uvicorn's httptools protocol, more strictly.

Beyond llhttp's own strictness: what `head_flaw` asks of a head. The fields behind a chunked body are dropped, so that
none of them passes for one of the head's. What follows a head that asks for another protocol is not that protocol's,
which is not spoken here, but its body as far as it has one, and then the next request.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runtime.gateway.exchange import EXTENSION, Exchange
from runtime.gateway.heads import (
    ICE_METHOD,
    MANY_FIELDS,
    MOST_FIELDS,
    OTHER_PROTOCOL,
    RTSP,
    RTSP_LINE,
    Refusal,
    body_head,
    head_flaw,
)


class FlawError(Exception):
    """Stops the parser; `RequestParser.flaw` says why."""


class ReadFlow(FlowControl):
    """An endpoint that wants more of its body resumes reading; not while there is more than can be parsed."""

    keeps: bool = False

    def resume_reading(self) -> None:
        """As in uvicorn, unless what has been read is kept."""
        if not self.keeps:
            super().resume_reading()


class RequestParser(HttpToolsProtocol):
    """Gives each request to `begin` as soon as its head is there. Its methods are called by the parser."""

    app: Any
    parser: Any
    scope: Any
    cycle: Any  # the exchange of the newest head; None until there is one
    head_bytes: int = 65_536
    flaw: Refusal | None = None
    in_head: bool = False
    progress: bool = False  # whether a head, a part of a body or an end was found in what was read last
    url: bytes = b""
    line: bytes = b""  # the request line, as far as it has come, of a head that no field of has come
    rest_head: bytes = b""  # `body_head` of a request whose body llhttp has not taken for one

    def begin(self, exchange: Exchange) -> None:
        """Takes an exchange whose body may still be coming."""
        raise NotImplementedError

    def feed(self, data: bytes) -> None:
        """Parses. Raises `httptools.HttpParserError`, or `HttpParserUpgrade` where another protocol would begin."""
        if self.rest_head:
            # By another parser: after a head that closes the connection this one reads no more.
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(self.rest_head)
        line = self.line
        if line or data.find(RTSP) >= 0:
            self.line = b""
            self._feed_apart(line, data)
        else:
            self.parser.feed_data(data)
        if self.in_head and not self.headers:
            text = line + data
            self.line = text[text.rfind(b"\n") + 1 :]

    def _feed_apart(self, line: bytes, data: bytes) -> None:
        # The parser does not say which protocol a request line names. So it is given what looks like one up to there;
        # in a head it was one, in a body it is what the client sends.
        fed = 0
        for found in RTSP_LINE.finditer(line + data):
            start, fed = fed, found.end() - len(line)
            self._feed_from(start, data[start:fed])
            if self.in_head:
                self.flaw = OTHER_PROTOCOL
                raise httptools.HttpParserError(OTHER_PROTOCOL.message)
        self._feed_from(fed, data[fed:])

    def _feed_from(self, start: int, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            raise httptools.HttpParserUpgrade(start + cast("int", upgrade.args[0])) from None

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        if self.rest_head:
            return
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or one behind a body. Raises `FlawError` for one too many."""
        if not self.in_head:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value.rstrip(b" \t")))
        if len(self.headers) > MOST_FIELDS:
            self.flaw = MANY_FIELDS
            raise FlawError

    def on_headers_complete(self) -> None:
        """The end of a head. Raises `FlawError` for one that is not taken."""
        if self.rest_head:
            self.rest_head = b""
            return
        version = self.parser.get_http_version()
        method = self.parser.get_method()
        if method == ICE_METHOD:
            self.flaw = OTHER_PROTOCOL
        else:
            self.flaw = head_flaw(version, self.url, self.headers, self.head_bytes)
        if self.flaw is not None:
            raise FlawError
        self.in_head = False
        self.progress = True
        if self.parser.should_upgrade():
            self.rest_head = body_head(self.headers)
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": method.decode("ascii"),
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
            "state": self.app_state.copy(),
        }
        self.cycle = Exchange(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue and version != "1.0",
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self.scope["extensions"] = {EXTENSION: self.cycle}
        self.begin(self.cycle)

    def on_body(self, body: bytes) -> None:
        """A part of a body; what comes after the answer is dropped."""
        self.progress = True
        exchange = self.cycle
        if exchange.response_complete:
            return
        exchange.body += body
        if len(exchange.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        exchange.message_event.set()

    def on_message_complete(self) -> None:
        """The end of a request, or of the head of one whose body is still to be read."""
        if self.rest_head:
            return
        self.progress = True
        self.cycle.more_body = False
        self.cycle.message_event.set()
