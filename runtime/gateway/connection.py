"""The HTTP protocol of the socket, held to what one client may take of the node.

Beyond what `RequestReader` bounds: who may speak, how many at once, how long a head (the first of a connection or a
later one) may take, and an answer for a client that has closed its sending side only. Whatever is refused here is
answered in the same JSON form as everywhere else.

A client that does not read its answer is left alone while there is room (`UnreadAnswers`). When there is none, the one
that has not read for longest gives its place to the next.

Who has closed the sending side of a Unix socket and reads on is told apart from who has left, and gets every answer.
Over TCP both look the same (servers such as nginx take both for having left): there it gets its answers, but no long
wait is kept up for it. TLS ends with either.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from runtime.gateway.access import Peer
from runtime.gateway.heads import Refusal
from runtime.gateway.peer import still_reads
from runtime.gateway.requests import RequestReader
from runtime.gateway.roles import Role
from runtime.gateway.unread import UnreadAnswers

REFUSED_LINGER_S = 5.0
# Refused connections that are waited for, so that they can read why; those beyond are told at once.
MOST_LINGERING = 64
OWNERS_SHARE = 8
HALF_CLOSED_LOOK_S = 2.0
PeerAt = Callable[[asyncio.Transport], Peer | None]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`silence_s`: until a request's head must be whole, and how long a client may leave its answer unread when others
    want its place; `connections`: open ones of the whole socket; `setting`: the key that says so; `unread_bytes`: of
    all answers that have not been read together."""

    silence_s: float
    connections: int
    head_bytes: int
    setting: str = "limits.connections"
    unread_bytes: int = 64 << 20

    def room(self, peer: Peer) -> int:
        """How many there may be when this peer comes: the last eighth is the owner's, who must get in to stop what
        floods the node."""
        if peer.role in (None, Role.OWNER):
            return self.connections
        return self.connections - self.connections // OWNERS_SHARE


def guarded_protocol(
    limits: ConnectionLimits, peer_at: PeerAt, at_ebb: Callable[[], None] = lambda: None
) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn's `http=`. `peer_at` tells who is at the other end; None: nobody who may speak.
    `at_ebb` is called when most of a flood of unread answers is gone."""
    unread: UnreadAnswers[GuardedProtocol] = UnreadAnswers(limits.unread_bytes)

    def evict_unread(now: float) -> bool:
        """Ends the connection whose client has not read for longest, if that is too long."""
        protocol = unread.longest(now, limits.silence_s)
        if protocol is None:
            return False
        unread.remove(protocol)
        protocol.transport.abort()
        return True

    def has_read(protocol: GuardedProtocol) -> None:
        unread.remove(protocol)
        if unread.has_ebbed():
            at_ebb()

    class GuardedProtocol(RequestReader):
        """One connection."""

        head_bytes = limits.head_bytes
        refusal: Refusal | None = None
        silence: asyncio.TimerHandle | None = None
        look: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
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
                self.tell(self.refusal)
                return
            self.watch_head()

        def data_received(self, data: bytes) -> None:
            if self.refusal is not None:
                # Answered only now: an answer to an unread request is lost when the socket closes over it.
                self.tell(self.refusal)
                return
            self.take(data)
            self.watch_head()

        def eof_received(self) -> bool | None:  # type: ignore[override]
            if self.scheme == "https":
                return None  # TLS knows no half-closed connection
            connection = self.transport.get_extra_info("socket")
            if self.refusal is not None or not still_reads(connection):
                return None
            goes_on = self.end()
            if connection.family != socket.AF_UNIX:
                self.hurry()
            elif goes_on:
                self.look = self.loop.call_later(HALF_CLOSED_LOOK_S, self.look_again)
            return goes_on

        def look_again(self) -> None:
            """Nothing tells when a client leaves that had closed its sending side."""
            self.look = None
            if self.transport.is_closing():
                return
            if still_reads(self.transport.get_extra_info("socket")):
                self.look = self.loop.call_later(HALF_CLOSED_LOOK_S, self.look_again)
            else:
                self.transport.abort()

        def pause_writing(self) -> None:
            super().pause_writing()
            assert self.client is not None
            size = self.transport.get_write_buffer_size()
            for each in unread.add(self, self.client[0], size, self.loop.time()):
                each.transport.abort()

        def resume_writing(self) -> None:
            has_read(self)
            super().resume_writing()

        def connection_lost(self, exc: Exception | None) -> None:
            has_read(self)
            self.stop_watching()
            if self.look is not None:
                self.look.cancel()
            super().connection_lost(exc)

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
                self.tell(Refusal(408, "too_slow", f"no request arrived within {limits.silence_s:g} s."))

        def tell(self, refusal: Refusal) -> None:
            """Writes a whole answer past the exchanges and closes."""
            told: dict[str, object] = {"code": refusal.code, "message": refusal.message, "details": []}
            body = json.dumps({"error": told}).encode() + b"\n"
            retry = "retry-after: 1\r\n" if refusal.status == 503 else ""
            head = (
                f"HTTP/1.1 {refusal.status} {refusal.code}\r\ncontent-type: application/json\r\n{retry}"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()

    return cast("type[asyncio.Protocol]", cast("Any", GuardedProtocol))
