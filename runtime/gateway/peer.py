"""Who is at the other end of the socket, and whether it is still there.

The socket's mode keeps other users out already; the check here holds even where a file system ignores modes.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from collections.abc import Callable

PeerUid = Callable[[socket.socket], int | None]


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


def still_reads(connection: socket.socket) -> bool:
    """Whether a peer that sends no more may still be waiting for an answer (`shutdown(SHUT_WR)`), or has left."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLHUP)
    return not poll.poll(0)
