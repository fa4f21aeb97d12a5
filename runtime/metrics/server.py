"""The metrics endpoint: `/metrics` and `/healthz` over HTTP on loopback TCP.

Runs on the node's own loop, so a scrape that answers also says that the loop does. Failure: a port that is taken makes
the start fail with `MetricsPortError`; a crash is restarted by the supervisor on the same port, and the counters,
which live in `NodeMetrics`, go on.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import Any

import uvicorn
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actors.kernel import Actor
from runtime.embedded_server import EmbeddedServer
from runtime.gateway import ConnectionLimits, Peer, guarded_protocol
from runtime.metrics.collectors import NodeMetrics

_START_WAIT_S = 5.0
_LIMITS = ConnectionLimits(silence_s=5.0, connections=32, head_bytes=16_384, setting="of the metrics' port")
_STOP_WAIT_S = 2.0


class MetricsPortError(Exception):
    """The endpoint's address cannot be taken; says which and what to do."""


@dataclass(frozen=True, slots=True)
class MetricsAddress:
    """Asks the `MetricsServer` where it listens; replies `(host, port)`."""


class MetricsServer(Actor):
    """Serves one `NodeMetrics`. `port` 0 takes any free port, `lag_interval_s` is the time between measurements of the
    loop's lag."""

    def __init__(
        self, metrics: NodeMetrics, *, host: str = "127.0.0.1", port: int = 0, lag_interval_s: float = 0.5
    ) -> None:
        super().__init__()
        self._metrics = metrics
        self._host = host
        self._port = port
        self._lag_interval_s = lag_interval_s
        self._server: EmbeddedServer | None = None
        self._serving: asyncio.Task[Any] | None = None
        self._address: tuple[str, int] = (host, port)

    async def on_start(self) -> None:
        listener = listen(self._host, self._port)
        self._address = (self._host, listener.getsockname()[1])
        config = uvicorn.Config(
            application(self._metrics),
            # Anybody on the machine may connect: who sits idle must not keep the scraper out, nor take files.
            http=guarded_protocol(_LIMITS, lambda _: Peer("scraper", None)),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
        )
        server = self._server = EmbeddedServer(config)
        self._serving = self.spawn_task(_serve(server, listener))
        async with asyncio.timeout(_START_WAIT_S):
            await server.ready.wait()
        self.spawn_task(self._measure_lag())

    async def on_stop(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait({self._serving}, timeout=_STOP_WAIT_S)

    def on_receive(self, message: MetricsAddress) -> tuple[str, int]:
        return self._address

    async def _measure_lag(self) -> None:
        clock = self.kernel.clock
        while True:
            asked = clock.now()
            await clock.sleep(self._lag_interval_s)
            self._metrics.observe_loop_lag(clock.now() - asked - self._lag_interval_s)


async def _serve(server: EmbeddedServer, listener: socket.socket) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:  # also on a kill
        server.cut_off()
        listener.close()


def application(metrics: NodeMetrics) -> Starlette:
    """The ASGI application. Its handlers run on the loop's thread, where the metrics are made."""

    async def scrape(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), headers={"content-type": content_type})

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/metrics", scrape), Route("/healthz", healthz)])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on a loopback address; raises `MetricsPortError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise MetricsPortError(f"metrics.host {host!r} is no address of this machine: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(64)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise MetricsPortError(
            f"metrics cannot listen on {host}:{port}: {error.strerror or error}. Fix: stop what holds the port, set "
            "metrics.port to another one (0: any free port), or metrics.enabled to false"
        ) from error
    return listener
