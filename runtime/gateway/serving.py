"""uvicorn on a listener, as the work of an actor: what the Unix socket's server and the TCP listener share."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

import structlog
import uvicorn

from actors.kernel import Actor
from runtime.embedded_server import EmbeddedServer
from runtime.gateway.access import Access
from runtime.gateway.app import build_app
from runtime.gateway.connection import ConnectionLimits, PeerAt, guarded_protocol
from runtime.gateway.direct import direct
from runtime.gateway.guard import Guard
from runtime.gateway.handshakes import Handshakes
from runtime.gateway.history import EventHistory
from runtime.gateway.tokens import Tokens
from runtime.gateway.view import NodeView
from runtime.process_limits import give_back_memory, open_files, room_for

BACKLOG = 512
# asyncio accepts a whole backlog in each turn of the loop, before it looks at the first of them: in a flood that many
# files would be taken by connections that are going to be refused.
ACCEPTED_A_TURN = 32
STOP_GRACE_S = 2
LARGEST_HEAD_BYTES = 65_536
READY_DEADLINE_S = 5.0
UNREAD_ANSWERS = 8  # of the largest that there may be; all clients together
EBB_S = 1.0

_log = structlog.stdlib.get_logger("evopipe.gateway")


class Serving:
    """Serves the API for one actor, once."""

    def __init__(self, actor: Actor, view: NodeView) -> None:
        self._actor = actor
        self._view = view
        self._history = EventHistory()
        self._closing = asyncio.Event()
        self._server: EmbeddedServer | None = None
        self._accepting: asyncio.Task[object] | None = None
        self._task: asyncio.Task[object] | None = None

    async def start(
        self,
        listener: socket.socket,
        peer_at: PeerAt,
        access: Access,
        *,
        tokens: Tokens | None = None,
        tls: ssl.SSLContext | None = None,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Returns when it answers. `at_end` runs however it ends."""
        kernel = self._actor.kernel
        limits = self._view.settings.limits
        room = self._room()
        guard = Guard(
            access,
            limits.requests_per_s,
            self._view.audit,
            now=kernel.clock.now,
            wall=kernel.clock.wall,
            tokens=tokens,
        )
        config = uvicorn.Config(
            direct(build_app(self._view, self._history, self._closing, guard)),
            http=guarded_protocol(
                ConnectionLimits(
                    limits.request_timeout_s,
                    room,
                    LARGEST_HEAD_BYTES,
                    unread_bytes=UNREAD_ANSWERS * limits.answer_bytes,
                ),
                peer_at,
                self._at_ebb,
            ),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=ACCEPTED_A_TURN,
            timeout_graceful_shutdown=STOP_GRACE_S,
            # Requests are not the actor's own work: a fresh context keeps them from being taken for it.
            reset_contextvars=True,
        )
        self._server = EmbeddedServer(config)
        self._history.open(kernel)
        # With TLS the server has no listener of its own: connections are made for it.
        listeners = [listener] if tls is None else []
        self._task = self._actor.spawn_task(self._serve(self._server, listeners, listener, at_end))
        async with asyncio.timeout(READY_DEADLINE_S):
            await self._server.ready.wait()
        listener.listen(BACKLOG)  # of the system's queue, which costs the node nothing
        if tls is not None:
            self._accepting = self._actor.spawn_task(Handshakes(tls).accept(listener, self._server.made))

    def _room(self) -> int:
        """How many connections there may be; said when they are fewer than the settings ask for."""
        settings = self._view.settings
        asked, files = settings.limits.connections, open_files()
        room = room_for(asked, 2 if settings.tcp.enabled else 1, files)
        if room < asked:
            fix = "raise the limit of open files (LimitNOFILE of the systemd unit, ulimit -Hn) or lower the setting"
            _log.warning(
                "fewer_connections", setting="limits.connections", asked=asked, room=room, files=files, fix=fix
            )
        return room

    def _at_ebb(self) -> None:
        if not self._closing.is_set():
            self._actor.spawn_task(self._give_back())

    async def _give_back(self) -> None:
        await asyncio.sleep(EBB_S)  # until the transports have let go of what they held
        await asyncio.to_thread(give_back_memory)

    async def stop(self) -> None:
        """Takes no new connections, ends the event streams, lets answers under way finish (at most 2 s)."""
        self._closing.set()
        self._history.close()
        if self._accepting is not None:
            self._accepting.cancel()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.wait({self._task}, timeout=STOP_GRACE_S + 1)

    async def _serve(
        self,
        server: EmbeddedServer,
        listeners: list[socket.socket],
        listener: socket.socket,
        at_end: Callable[[], None],
    ) -> None:
        try:
            await server.serve(sockets=listeners)
            if not self._closing.is_set():
                raise RuntimeError("the server ended by itself")
        finally:
            # Also on a kill, when on_stop does not run.
            self._closing.set()
            self._history.close()
            server.cut_off()
            listener.close()
            at_end()
