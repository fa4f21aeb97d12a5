"""Who is at the other end of the socket, and whether it is still there.

The socket's mode keeps other users out already; the check here holds even where a file system ignores modes.
"""

from __future__ import annotations

import os
import pwd
import select
import socket
import struct
import sys
from collections.abc import Callable

_SO_PEERGROUPS = 59  # asm-generic/socket.h; the socket module has no name for it
MOST_GROUPS = 256  # Python asks for 1024 bytes at most
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


def peer_gids(connection: socket.socket) -> frozenset[int]:
    """The groups of the process at the other end, as the kernel knew them when it connected; none where it does not
    tell."""
    if sys.platform != "linux":
        return frozenset()
    size = struct.calcsize("i")
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 3 * size)
        _, uid, primary = struct.unpack("3i", raw)
    except OSError:
        return frozenset()
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, MOST_GROUPS * size)
        return frozenset({primary, *struct.unpack(f"{len(raw) // size}i", raw)})
    except OSError:  # more groups than fit, or an old kernel: then those that the user has by name
        try:
            return frozenset(os.getgrouplist(pwd.getpwuid(uid).pw_name, primary))
        except (KeyError, OSError):
            return frozenset({primary})


def still_reads(connection: socket.socket) -> bool:
    """Whether a peer that sends no more may still be waiting for an answer (`shutdown(SHUT_WR)`), or has left."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLHUP)
    return not poll.poll(0)
