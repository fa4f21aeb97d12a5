"""The HTTP protocol of the socket, held to what one client may take of the node.

Beyond what `RequestReader` bounds: who may speak, how many at once, how long a head (the first of a connection or a
later one) may take, and an answer for a client that has closed its sending side only. Whatever is refused here is
answered in the same JSON form as everywhere else.

A client that does not read its answer is left alone while there is room: it may be a person who scrolls. When there is
none, the one that has not read for longest gives its place to the next.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from runtime.gateway.access import Peer
from runtime.gateway.heads import Refusal
from runtime.gateway.peer import still_reads
from runtime.gateway.requests import RequestReader
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

    class GuardedProtocol(RequestReader):
        """One connection."""

        head_bytes = limits.head_bytes
        refusal: Refusal | None = None
        silence: asyncio.TimerHandle | None = None

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
            if self.refusal is not None or not still_reads(self.transport.get_extra_info("socket")):
                return None
            return self.end()

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
