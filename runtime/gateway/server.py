"""`SocketServer`: the actor that owns the socket and serves HTTP on it with uvicorn.

Started by the Gateway supervisor. When it crashes or is killed the socket is closed and its file removed; the next
incarnation binds anew. Requests in flight then are cut off, the runs they began go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from pathlib import Path

import structlog

from actors.kernel import Actor
from runtime.gateway.access import Access, Peer, user_name
from runtime.gateway.peer import PeerUid, peer_gids, peer_uid
from runtime.gateway.serving import Serving
from runtime.gateway.view import NodeView

_log = structlog.stdlib.get_logger("evopipe.gateway")


class SocketBusyError(Exception):
    """Somebody else answers on the socket's path."""


class SocketServer(Actor):
    """Serves the API on `path` from start to stop. Takes no messages."""

    def __init__(self, view: NodeView, path: Path, uid_of: PeerUid = peer_uid) -> None:
        super().__init__()
        self._view = view
        self._path = path
        self._uid_of = uid_of
        self._serving = Serving(self, view)

    async def on_start(self) -> None:
        """Returns when the socket answers. Raises `SocketBusyError`, `AccessError` or `OSError`."""
        access = Access(self._view.settings.access, os.getuid())
        listener = bind_private(self._path, access.socket_gid)
        inode = self._path.stat().st_ino

        def peer_at(transport: asyncio.Transport) -> Peer | None:
            connection = transport.get_extra_info("socket")
            uid = self._uid_of(connection)
            role = access.role_of(uid, peer_gids(connection))
            return access.peer(user_name(uid), role) if role is not None else None

        await self._serving.start(listener, peer_at, access, at_end=lambda: _remove(self._path, inode))

    async def on_receive(self, message: object) -> None:
        """There are no messages to this actor; one that comes is noted and dropped."""
        _log.warning("unknown_message", message=type(message).__name__)

    async def on_stop(self) -> None:
        """Takes no new connections, ends the event streams, lets answers under way finish (at most 2 s)."""
        await self._serving.stop()


def _remove(path: Path, inode: int) -> None:
    with contextlib.suppress(OSError):
        if path.stat().st_ino == inode:
            path.unlink()


def bind_private(path: Path, gid: int | None = None) -> socket.socket:
    """A listening-ready socket at `path` with mode 0600, or for that group too with 0660. A file left there by a
    dead node is replaced.

    Raises `SocketBusyError` when somebody answers there, `FileExistsError` when it is no socket.
    """
    _clear_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        # Linux makes the socket's file with the mode of the descriptor: there is no moment in which it is wider, and
        # no umask to change under the feet of other threads.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(str(path))
        if gid is not None:
            os.chown(path, -1, gid)  # first: 0660 is for this group and no other, not even for a moment
            path.chmod(0o660)
    except BaseException:
        listener.close()
        raise
    return listener


def _clear_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(
            errno.EEXIST, "there is a file that is no socket; remove it or set socket_path", str(path)
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            return
        except BlockingIOError:
            pass  # somebody listens, with a full backlog
    raise SocketBusyError(f"another process answers on {path}")
