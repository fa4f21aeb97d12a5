"""`TcpServer`: the same API over TCP, for clients that show a token; with TLS wherever it leaves the machine.

The settings refuse what would be unsafe (`TcpSettings`); the key and the tokens are looked at here, at the start.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

import structlog

from actors.kernel import Actor
from runtime.gateway.access import Access, Peer
from runtime.gateway.serving import Serving
from runtime.gateway.tokens import Tokens
from runtime.gateway.view import NodeView
from runtime.settings import TcpSettings

KEEP_IDLE_S = 60
KEEP_EVERY_S = 15
KEEP_TIMES = 4

_log = structlog.stdlib.get_logger("evopipe.gateway")


class TcpListenError(Exception):
    """The listener cannot be opened as the settings say; says why and what to do."""


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """Asks the `TcpServer` where it listens; replies `(host, port)`."""


class TcpServer(Actor):
    """Serves the API from start to stop. Answers `TcpAddress`."""

    def __init__(self, view: NodeView, settings: TcpSettings) -> None:
        super().__init__()
        self._view = view
        self._settings = settings
        self._address = (settings.host, settings.port)
        self._serving = Serving(self, view)

    async def on_start(self) -> None:
        """Returns when the port answers. Raises `TcpListenError`, `TokenFileError` or `AccessError`."""
        settings = self._settings
        assert settings.token_file is not None, "the settings refuse a listener without"
        tokens = Tokens(settings.token_file, self.kernel.clock.now)
        access = Access(self._view.settings.access, os.getuid())
        tls = _tls_of(settings)
        listener = _listen(settings)
        self._address = (settings.host, listener.getsockname()[1])
        await self._serving.start(listener, _peer_at, access, tokens=tokens, tls=tls)
        _log.info("tcp_listening", host=self._address[0], port=self._address[1], tls=tls is not None)

    def on_receive(self, message: TcpAddress) -> tuple[str, int]:
        return self._address

    async def on_stop(self) -> None:
        """As the socket's server."""
        await self._serving.stop()


def _peer_at(transport: asyncio.Transport) -> Peer:
    """Only the address is known yet; the token says more."""
    name = transport.get_extra_info("peername")
    return Peer(str(name[0]) if name else "unknown", None)


def _tls_of(settings: TcpSettings) -> ssl.SSLContext | None:
    cert, key = settings.cert_file, settings.key_file
    if cert is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        _refuse_readable_key(key)
        context.load_cert_chain(cert, key, password=_no_passphrase)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise TcpListenError(
            f"tcp.cert_file or tcp.key_file cannot be used: {error}. Fix: name PEM files that fit"
        ) from None
    return context


def _no_passphrase() -> str:
    """Without it OpenSSL asks the terminal, and the node stands still until somebody answers."""
    raise ValueError("the key wants a passphrase, and there is nobody to ask; name a key without one, mode 0600")


def _refuse_readable_key(key: Path) -> None:
    if stat.S_IMODE(key.stat().st_mode) & 0o077:
        raise TcpListenError(f"the key file {key} may be read by others. Fix: chmod 600 {key}")


def _keep_asking(listener: socket.socket) -> None:
    """Has the system ask each of its connections whether the other side is still there, when nothing else goes between
    them: a machine that is gone says nothing, and would keep its place for as long as its client waits for a run."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Where the system has no such options, its own figures hold.
    for name, value in (("TCP_KEEPIDLE", KEEP_IDLE_S), ("TCP_KEEPINTVL", KEEP_EVERY_S), ("TCP_KEEPCNT", KEEP_TIMES)):
        option = getattr(socket, name, None)
        if option is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)


def _listen(settings: TcpSettings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _keep_asking(listener)
            listener.bind(address)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise TcpListenError(
            f"tcp cannot listen on {settings.host}:{settings.port}: {error.strerror or error}. Fix: tcp.host, tcp.port"
        ) from None
    return listener
