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
import uvicorn

from actors.kernel import Actor
from runtime.embedded_server import EmbeddedServer
from runtime.gateway.app import build_app
from runtime.gateway.connection import ConnectionLimits, guarded_protocol
from runtime.gateway.history import EventHistory
from runtime.gateway.peer import PeerUid, peer_uid
from runtime.gateway.view import NodeView

BACKLOG = 512
STOP_GRACE_S = 2
LARGEST_HEAD_BYTES = 65_536
READY_DEADLINE_S = 5.0

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
        self._history = EventHistory()
        self._closing = asyncio.Event()
        self._server: EmbeddedServer | None = None
        self._serving: asyncio.Task[object] | None = None

    async def on_start(self) -> None:
        """Returns when the socket answers. Raises `SocketBusyError` or `OSError`."""
        listener = bind_private(self._path)
        limits = self._view.settings.limits
        config = uvicorn.Config(
            build_app(self._view, self._history, self._closing),
            http=guarded_protocol(
                ConnectionLimits(limits.request_timeout_s, limits.connections, LARGEST_HEAD_BYTES), self._uid_of
            ),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=STOP_GRACE_S,
            # Requests are not the actor's own work: a fresh context keeps them from being taken for it.
            reset_contextvars=True,
        )
        self._server = EmbeddedServer(config)
        self._history.open(self.kernel)
        self._serving = self.spawn_task(self._serve(self._server, listener))
        async with asyncio.timeout(READY_DEADLINE_S):
            await self._server.ready.wait()

    async def on_receive(self, message: object) -> None:
        """There are no messages to this actor; one that comes is noted and dropped."""
        _log.warning("unknown_message", message=type(message).__name__)

    async def on_stop(self) -> None:
        """Takes no new connections, ends the event streams, lets answers under way finish (at most 2 s)."""
        self._closing.set()
        self._history.close()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait({self._serving}, timeout=STOP_GRACE_S + 1)

    async def _serve(self, server: EmbeddedServer, listener: socket.socket) -> None:
        inode = self._path.stat().st_ino
        try:
            await server.serve(sockets=[listener])
            if not self._closing.is_set():
                raise RuntimeError("the socket server ended by itself")
        finally:
            # Also on a kill, when on_stop does not run.
            self._closing.set()
            self._history.close()
            server.cut_off()
            listener.close()
            with contextlib.suppress(OSError):
                if self._path.stat().st_ino == inode:
                    self._path.unlink()


def bind_private(path: Path) -> socket.socket:
    """A listening-ready socket at `path` with mode 0600. A file left there by a dead node is replaced.

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
