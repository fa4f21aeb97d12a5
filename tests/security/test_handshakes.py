"""TLS connections whose handshake is never done: few of them, not for long, and nobody else notices."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.daemon.loop import node_loop
from runtime.gateway.handshakes import MOST_HANDSHAKES, Handshakes
from tests.actors_for_tests import settle
from tests.security.test_tcp import VIEWER, bearer, certificate, environment, listening

__all__ = ["certificate"]

Loops = Callable[[], asyncio.AbstractEventLoop]
both_loops = pytest.mark.parametrize("loop", [asyncio.new_event_loop, node_loop])


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Server:
    """A TLS listener with an echo behind it."""

    def __init__(self, certificate: tuple[Path, Path], **bounds: Any) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.handshakes = Handshakes(context, **bounds)
        self.trust = ssl.create_default_context(cafile=str(certificate[0]))

    async def __aenter__(self) -> Server:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.accepting = asyncio.ensure_future(self.handshakes.accept(self.listener, Echo))
        self.writers: list[asyncio.StreamWriter] = []
        return self

    async def __aexit__(self, *_: object) -> None:
        self.accepting.cancel()
        await asyncio.wait({self.accepting})
        self.listener.close()
        for writer in self.writers:
            writer.transport.abort()
        await settle()

    async def half_open(self) -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader

    async def told(self, words: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust)
        self.writers.append(writer)
        writer.write(words)
        return await reader.readexactly(len(words))


def carry_out(loop: Loops, main: Any) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(15):
            await main()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(bounded())


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return b"HTTP" not in await reader.read()
    except ConnectionError:
        return True


@both_loops
def test_what_comes_with_the_end_of_the_handshake_is_not_lost(certificate: tuple[Path, Path], loop: Loops) -> None:
    async def main() -> None:
        async with Server(certificate) as server:
            for number in range(20):
                words = b"hello %d " % number * 5_000
                assert await server.told(words) == words

    carry_out(loop, main)


@both_loops
def test_the_oldest_gives_its_place_to_the_next_and_an_honest_one_gets_through(
    certificate: tuple[Path, Path], loop: Loops
) -> None:
    async def main() -> None:
        async with Server(certificate, most=4, deadline_s=60.0) as server:
            waiting = [await server.half_open() for _ in range(6)]
            assert await ended(waiting[0])
            assert await ended(waiting[1])
            assert await server.told(b"hello") == b"hello"
            server.accepting.cancel()
            assert [await ended(each) for each in waiting[2:]] == [True] * 4

    carry_out(loop, main)


@both_loops
def test_one_that_takes_too_long_or_is_no_tls_ends(certificate: tuple[Path, Path], loop: Loops) -> None:
    async def main() -> None:
        async with Server(certificate, deadline_s=0.05) as server:
            assert await ended(await server.half_open())
        async with Server(certificate) as server:
            reader = await server.half_open()
            server.writers[-1].write(b"GET / HTTP/1.1\r\n\r\n")
            assert await ended(reader)

    carry_out(loop, main)


def test_a_flood_of_half_open_connections_keeps_no_client_out(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    async def main() -> None:
        cert, key = certificate
        env = environment(tmp_path, CERT_FILE=str(cert), KEY_FILE=str(key))
        async with listening(env, ssl.create_default_context(cafile=str(cert))) as (client, _):
            url = client.base_url
            idle = [await asyncio.open_connection(url.host, url.port) for _ in range(2 * MOST_HANDSHAKES)]
            assert await ended(idle[0][0])
            assert (await client.get("/v1/status", headers=bearer(VIEWER))).status_code == 200
            for _, writer in idle:
                writer.transport.abort()
            await settle()

    carry_out(asyncio.new_event_loop, main)
