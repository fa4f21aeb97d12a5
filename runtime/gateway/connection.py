"""The HTTP protocol of the socket: uvicorn's h11 protocol, held to what one client may take of the node.

Beyond uvicorn's own limits: who may speak, how many at once, how large a request's head may be, how long a head (the
first of a connection or a later one) may take, and an answer for a client that has closed its sending side only.
Whatever is refused here is answered in the same JSON form as everywhere else.

A client that does not read its answer is left alone while there is room: it may be a person who scrolls. When there is
none, the one that has not read for longest gives its place to the next.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from runtime.gateway.access import Peer
from runtime.gateway.peer import still_reads
from runtime.gateway.roles import Role

REFUSED_LINGER_S = 5.0
# Refused connections that are waited for, so that they can read why; those beyond are told at once.
MOST_LINGERING = 64
OWNERS_SHARE = 8
PeerAt = Callable[[asyncio.Transport], Peer | None]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`silence_s`: until a request's head must be whole, and how long a client may leave its answer unread when others
    want its place; `connections`: open ones of the whole socket; `setting`: the key that says so."""

    silence_s: float
    connections: int
    head_bytes: int
    setting: str = "limits.connections"

    def room(self, peer: Peer) -> int:
        """How many there may be when this peer comes: the last eighth is the owner's, who must get in to stop what
        floods the node."""
        if peer.role in (None, Role.OWNER):
            return self.connections
        return self.connections - self.connections // OWNERS_SHARE


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection gets no service, whatever it asks."""

    status: int
    code: str
    message: str


class HeadBoundConnection(h11.Connection):
    """h11 bounds a head only while it is incomplete: one that arrives in a single read could be any size."""

    def __init__(self, head_bytes: int) -> None:
        super().__init__(h11.SERVER, head_bytes)
        self._head_bytes = head_bytes

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As in h11; raises `RemoteProtocolError` with status hint 431 for a head past the limit, 505 for HTTP/2."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            if event.http_version not in (b"1.1", b"1.0"):
                # The preface of an HTTP/2 connection, too, has the form of a request.
                raise h11.RemoteProtocolError("another version of HTTP", error_status_hint=505)
            size = len(event.target) + sum(len(name) + len(value) for name, value in event.headers)
            if size > self._head_bytes:
                raise h11.RemoteProtocolError("the request's head is too large", error_status_hint=431)
        return event


def guarded_protocol(limits: ConnectionLimits, peer_at: PeerAt) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn's `http=`. `peer_at` tells who is at the other end; None: nobody who may speak."""
    unread: dict[GuardedProtocol, float] = {}  # since when, those that have waited for longest first

    def evict_unread(now: float) -> bool:
        """Ends the connection whose client has not read for longest, if that is too long."""
        for protocol, since in unread.items():
            if now - since < limits.silence_s:
                return False
            del unread[protocol]
            protocol.transport.abort()
            return True
        return False

    class GuardedProtocol(H11Protocol):
        """One connection."""

        refusal: Refusal | None = None
        silence: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.conn = HeadBoundConnection(limits.head_bytes)
            peer = peer_at(transport)
            self.client = (peer.name if peer is not None else "stranger", 0)
            self.app_state = {**self.app_state, "peer": peer}
            if peer is None:
                self.refusal = Refusal(
                    403, "forbidden", "you have no role on this node; its user gives one in its settings (access)."
                )
            elif len(self.connections) > limits.room(peer) and not evict_unread(self.loop.time()):
                self.refusal = Refusal(
                    503,
                    "too_many_connections",
                    f"{limits.connections} connections are open already ({limits.setting}); try again in a moment.",
                )
            if self.scheme == "http":
                transport.set_write_buffer_limits(high=0)  # so that all that a client leaves unread is noticed
            if self.refusal is not None and len(self.connections) > limits.connections + MOST_LINGERING:
                self.answer_raw(self.refusal.status, self.refusal.code, self.refusal.message)
                return
            self.watch_head()

        def data_received(self, data: bytes) -> None:
            if self.refusal is not None:
                # Answered only now: an answer to an unread request is lost when the socket closes over it.
                self.answer_raw(self.refusal.status, self.refusal.code, self.refusal.message)
                return
            super().data_received(data)
            self.watch_head()

        def eof_received(self) -> bool | None:  # type: ignore[override]
            if self.scheme == "https":
                return None  # TLS knows no half-closed connection
            if self.refusal is not None or not still_reads(self.transport.get_extra_info("socket")):
                return None
            if self.answering() and not self.state.more_body:
                self.state.keep_alive = False  # there cannot be another request
                return True
            if self.answering() or self.conn.trailing_data[0]:
                self.answer_raw(400, "incomplete", "the connection ended before the request was complete.")
            return None

        def pause_writing(self) -> None:
            unread.setdefault(self, self.loop.time())
            super().pause_writing()

        def resume_writing(self) -> None:
            unread.pop(self, None)
            super().resume_writing()

        def connection_lost(self, exc: Exception | None) -> None:
            unread.pop(self, None)
            self.stop_watching()
            super().connection_lost(exc)

        @property
        def state(self) -> Any:
            """uvicorn's request at work; None until a first head has been read."""
            return self.cycle

        def answering(self) -> bool:
            """Whether a request has come whose answer is not complete."""
            return self.state is not None and not self.state.response_complete

        def watch_head(self) -> None:
            """Limits the wait for a whole head. Bytes that trickle in do not prolong it."""
            if self.answering():
                self.stop_watching()
            elif self.silence is None and not self.transport.is_closing():
                limit = limits.silence_s if self.refusal is None else min(limits.silence_s, REFUSED_LINGER_S)
                self.silence = self.loop.call_later(limit, self.end_silence)

        def stop_watching(self) -> None:
            """Ends the limit."""
            if self.silence is not None:
                self.silence.cancel()
                self.silence = None

        def end_silence(self) -> None:
            """No whole request head came in time."""
            if not self.transport.is_closing():
                self.answer_raw(408, "too_slow", f"no request arrived within {limits.silence_s:g} s.")

        def send_400_response(self, msg: str) -> None:
            error = sys.exc_info()[1]
            status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
            if self.answering() and self.state.response_started:
                self.transport.close()  # an answer is on its way; a second one would corrupt it
                return
            if status == 431:
                self.answer_raw(431, "head_too_large", f"the request's head is larger than {limits.head_bytes} bytes.")
                return
            # What follows the colon is the client's own bytes as Python writes them.
            detail = f" ({str(error).split(': ', 1)[0]})" if isinstance(error, h11.RemoteProtocolError) else ""
            self.answer_raw(status, "bad_http", f"this is not a valid HTTP/1.1 request{detail}.")

        def answer_raw(self, status: int, code: str, message: str) -> None:
            """Writes a whole answer past the state machine and closes."""
            body = json.dumps({"error": {"code": code, "message": message, "details": []}}).encode() + b"\n"
            retry = "retry-after: 1\r\n" if status == 503 else ""
            head = (
                f"HTTP/1.1 {status} {code}\r\ncontent-type: application/json\r\n{retry}"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()

    return cast("type[asyncio.Protocol]", cast("Any", GuardedProtocol))
