"""The server: asyncio streams on a loopback port, so that a connection can also be cut in the middle of a body."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from tests.wire.anthropic_dialect import AnthropicDialect
from tests.wire.behaviour import Answered, Behaviour, Cut, Failed, Malformed, Page, Silent, Slow, StreamFailed, scripted
from tests.wire.dialect import Dialect
from tests.wire.gemini_dialect import GeminiDialect
from tests.wire.http import HttpRequest, chunk, head, read_request, whole
from tests.wire.limits import VendorBucket

_JSON = "application/json; charset=utf-8"
_DIALECTS: tuple[Dialect, ...] = (AnthropicDialect(), GeminiDialect())


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived."""

    vendor: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    prompt: str


class WireServer:
    """`async with WireServer() as server`: answers both vendors at `server.url`, accepting `key` only.

    Each call takes the next behaviour of `queue`; when that is empty, the one its prompt asks for in brackets; else
    it is answered. `calls` and `calls_by_key` (idempotency keys) record what came; `gone` is set when a client left a
    silent call. `limits` is the vendor's rate limit, told in headers where it does so. Leaving the block fails when the
    server itself failed.
    """

    def __init__(
        self, key: str = "test-key", queue: Iterable[Behaviour] = (), limits: VendorBucket | None = None
    ) -> None:
        self.key = key
        self.limits = limits
        self.queue: deque[Behaviour] = deque(queue)
        self.calls: list[Call] = []
        self.calls_by_key: Counter[str] = Counter()
        self.connections = 0
        self.gone = asyncio.Event()
        self.arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: list[BaseException] = []

    @property
    def url(self) -> str:
        """Base URL without a slash at the end."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        if self._faults:
            raise AssertionError(f"the wire server failed: {self._faults!r}") from self._faults[0]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self._faults.append(error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_request(reader)) is not None:
                if not await self._respond(request, reader, writer):
                    return
        finally:
            writer.close()

    async def _respond(self, request: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays open."""
        dialect = next((each for each in _DIALECTS if each.matches(request)), None)
        if dialect is None:
            writer.write(whole(404, b"{}", _JSON, {}))
            return True
        body: dict[str, Any] = json.loads(request.body)
        behaviour: Behaviour | None = dialect.fault(request, body, self.key)
        if behaviour is None:
            prompt = dialect.prompt(body)
            self._record(dialect, request, body, prompt)
            behaviour = None if self.limits is None else self.limits.take()
            behaviour = behaviour or (self.queue.popleft() if self.queue else scripted(prompt) or Answered())
        return await self._behave(behaviour, dialect, request, body, reader, writer)

    def _record(self, dialect: Dialect, request: HttpRequest, body: dict[str, Any], prompt: str) -> None:
        self.calls.append(Call(dialect.name, request.path, dict(request.headers), body, prompt))
        key = request.headers.get("idempotency-key")
        if key is not None:
            self.calls_by_key[key] += 1
        self.arrived.set()

    async def _behave(
        self,
        behaviour: Behaviour,
        dialect: Dialect,
        request: HttpRequest,
        body: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        streams = dialect.streams(request, body)
        told = self.limits.headers() if self.limits is not None and dialect.name == "anthropic" else {}
        ids = {"request-id": "req_1", **told}
        match behaviour:
            case Failed():
                error = json.dumps(dialect.error(behaviour, dialect.sent_key(request))).encode()
                writer.write(whole(behaviour.status, error, _JSON, {**ids, **behaviour.headers}))
            case Silent():
                await reader.read(1)
                self.gone.set()
                return False
            case Malformed():
                broken = b'event: message_start\ndata: {"type": \n\n' if streams else b'{"content": [{"te'
                writer.write(whole(200, broken, "text/event-stream" if streams else _JSON, ids))
            case Page():
                writer.write(whole(200, b"<html><body>Please log in</body></html>", "text/html", ids))
            case Cut():
                self._begin_and_reset(dialect, request, body, streams, writer)
                await writer.drain()
                return False
            case Slow(pause_s):
                await self._drip(pause_s, dialect, request, body, streams, writer)
            case StreamFailed() | Answered() if streams:
                writer.write(head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked", **ids}))
                for event in dialect.events(request, body, behaviour):
                    writer.write(chunk(event))
                    await writer.drain()
                writer.write(chunk(b""))
            case StreamFailed():
                raise ValueError("StreamFailed is for streamed calls")
            case Answered():
                answer = dialect.count(request, body) or dialect.answer(request, body, behaviour)
                writer.write(whole(200, json.dumps(answer).encode(), _JSON, ids))
        await writer.drain()
        return True

    async def _drip(
        self,
        pause_s: float,
        dialect: Dialect,
        request: HttpRequest,
        body: dict[str, Any],
        streams: bool,
        writer: asyncio.StreamWriter,
    ) -> None:
        if streams:
            data = b"".join(dialect.events(request, body, Answered()))
        else:
            data = json.dumps(dialect.answer(request, body, Answered())).encode()
        kind = "text/event-stream" if streams else _JSON
        writer.write(head(200, {"content-type": kind, "transfer-encoding": "chunked"}))
        for start in range(0, len(data), 16):
            writer.write(chunk(data[start : start + 16]))
            await writer.drain()
            await asyncio.sleep(pause_s)
        writer.write(chunk(b""))

    def _begin_and_reset(
        self,
        dialect: Dialect,
        request: HttpRequest,
        body: dict[str, Any],
        streams: bool,
        writer: asyncio.StreamWriter,
    ) -> None:
        if streams:
            events = dialect.events(request, body, Answered())
            writer.write(head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}))
            writer.write(b"".join(chunk(event) for event in events[: max(1, len(events) // 2)]))
            return
        data = json.dumps(dialect.answer(request, body, Answered())).encode()
        writer.write(whole(200, data, _JSON, {})[: -len(data) // 2])
