"""The HTTP protocol of the socket: uvicorn's h11 protocol, plus who may speak and how long they may be silent.

The socket's mode keeps other users out already; the check here holds even where a file system ignores modes.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

PeerUid = Callable[[socket.socket], int | None]
REFUSED_LINGER_S = 5.0


def peer_uid(connection: socket.socket) -> int | None:
    """The user at the other end of a Unix socket, or None where the system does not tell."""
    if sys.platform == "linux":
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", raw)[1])
    if sys.platform == "darwin":
        raw = connection.getsockopt(0, 0x001, 76)  # SOL_LOCAL, LOCAL_PEERCRED: struct xucred {version, uid, ...}
        return int(struct.unpack_from("2I", raw)[1])
    return None


def is_allowed(uid: int | None, own_uid: int) -> bool:
    """Only the node's own user and root. A system that names no peer leaves it to the socket's mode."""
    return uid is None or uid in (own_uid, 0)


def peer_checked_protocol(silence_s: float, uid_of: PeerUid = peer_uid) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn's `http=`. `silence_s`: how long a connection may send no whole request head."""

    class PeerCheckedProtocol(H11Protocol):
        """One connection."""

        refused = False
        silence: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            uid = uid_of(transport.get_extra_info("socket"))
            self.client = (f"uid:{uid}", 0)
            self.refused = not is_allowed(uid, os.getuid())
            limit = REFUSED_LINGER_S if self.refused else silence_s
            self.silence = self.loop.call_later(limit, self.end_silence)

        def data_received(self, data: bytes) -> None:
            if self.refused:
                # Answered only now: an answer to an unread request is lost when the socket closes over it.
                self.answer_raw(403, "forbidden", "only the node's own user may use this socket.")
                return
            super().data_received(data)
            if self.silence is not None and self.began():
                self.silence.cancel()
                self.silence = None

        def connection_lost(self, exc: Exception | None) -> None:
            if self.silence is not None:
                self.silence.cancel()
            super().connection_lost(exc)

        def began(self) -> bool:
            """Whether a request's head has been read; uvicorn leaves `cycle` None until then."""
            return cast("Any", self).cycle is not None

        def end_silence(self) -> None:
            """No whole request head came in time."""
            if not self.transport.is_closing():
                self.answer_raw(408, "too_slow", f"no request arrived within {silence_s:g} s.")

        def send_400_response(self, msg: str) -> None:
            error = sys.exc_info()[1]
            status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
            code = "head_too_large" if status == 431 else "bad_http"
            detail = f" ({error})" if isinstance(error, h11.RemoteProtocolError) else ""
            started = self.began() and self.cycle.response_started and not self.cycle.response_complete
            if started:
                self.transport.close()  # an answer is on its way; a second one would corrupt it
                return
            self.answer_raw(status, code, f"this is not a valid HTTP/1.1 request{detail}.")

        def answer_raw(self, status: int, code: str, message: str) -> None:
            """Writes a whole answer past the state machine and closes."""
            body = json.dumps({"error": {"code": code, "message": message, "details": []}}).encode() + b"\n"
            head = (
                f"HTTP/1.1 {status} {code}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()

    return cast("type[asyncio.Protocol]", cast("Any", PeerCheckedProtocol))
