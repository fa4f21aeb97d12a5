"""Bytes of one connection as requests: their order, their bounds, and what becomes of those behind a broken one."""

from __future__ import annotations

import asyncio
import gc
import re
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from uvicorn.server import ServerState

from runtime.gateway.access import Peer
from runtime.gateway.body import whole_body
from runtime.gateway.connection import ConnectionLimits, guarded_protocol
from runtime.gateway.exchange import until_left
from runtime.gateway.heads import MOST_FIELDS, head_flaw
from runtime.gateway.requests import SLICE_BYTES, RequestReader
from runtime.gateway.roles import Role
from tests.support import run

GET = b"GET /%s HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /%s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
CHUNKED = b"POST /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
HEAD_BYTES = 10_000
SPOKEN = re.compile(rb"HTTP/1\.1 (\d{3})")


class Wire(asyncio.Transport):
    """The client's end: keeps each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.paused = self.closed = False
        self.left_unread = 0
        self.stuck: RequestReader | None = None  # whose client reads nothing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.writes.append(bytes(data))
        if self.stuck is not None:
            self.left_unread = len(data)
            self.stuck.pause_writing()

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return self.left_unread

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == 0

    @property
    def told(self) -> bytes:
        return b"".join(self.writes)

    @property
    def statuses(self) -> list[int]:
        return [int(each) for each in SPOKEN.findall(self.told)]


class Conversation:
    """One connection to an endpoint that answers with the path and the body, when `free` is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fields: list[list[tuple[bytes, bytes]]] = []
        self.ends: list[str] = []
        self.free = asyncio.Event()
        self.free.set()
        config = uvicorn.Config(
            self._app, http=self._protocol(), ws="none", lifespan="off", log_config=None, interface="asgi3"
        )
        config.load()
        make = cast("Callable[..., RequestReader]", config.http_protocol_class)
        self.reader = make(config=config, server_state=ServerState(), app_state={})
        self.wire = Wire()
        self.reader.connection_made(self.wire)

    @staticmethod
    def _protocol() -> Any:
        return guarded_protocol(ConnectionLimits(30, 100, HEAD_BYTES), lambda _: Peer("owner", Role.OWNER))

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.asked.append(scope["path"])
        self.fields.append(scope["headers"])
        if scope["path"] == "/long":
            await self._wait_long(scope)
            await Response("running", 202)(scope, receive, send)
            return
        await self.free.wait()
        if scope["path"] == "/early":
            await Response("no", 403)(scope, receive, send)
            return
        whole = whole_body(scope)
        try:
            body = whole if whole is not None else await request.body()
        except ClientDisconnect:
            await Response("gone", 400)(scope, receive, send)
            return
        said = scope["path"].encode() + b" " + body
        stream = StreamingResponse(_in_pieces(said)) if scope["path"] == "/stream" else Response(said)
        await stream(scope, receive, send)

    async def _wait_long(self, scope: Any) -> None:
        try:
            async with asyncio.timeout(3_600) as wait:
                with until_left(scope, wait):
                    await asyncio.Event().wait()
        except TimeoutError:
            self.ends.append(scope["path"])

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.reader.data_received(piece)
            await self.settle()

    async def settle(self) -> None:
        """Until every endpoint waits or is done."""
        for _ in range(20):
            await asyncio.sleep(0)


async def _in_pieces(said: bytes) -> AsyncGenerator[bytes]:
    yield said[:1]
    yield said[1:]


@asynccontextmanager
async def conversation() -> AsyncGenerator[Conversation]:
    made = Conversation()
    yield made
    made.free.set()
    made.reader.connection_lost(None)
    await made.settle()


def test_requests_sent_ahead_are_answered_in_their_order_and_wait_as_bytes() -> None:
    async def main() -> None:
        async with conversation() as c:
            c.free.clear()
            many = b"".join(GET % b"%d" % number for number in range(2_000))
            await c.send(many)
            assert c.asked == ["/0"]
            assert len(c.reader.pipeline) < SLICE_BYTES / len(GET)
            assert c.wire.paused
            c.free.set()
            async with asyncio.timeout(10):
                while len(c.wire.statuses) < 2_000:
                    await c.settle()
            assert c.asked == [f"/{number}" for number in range(2_000)]
            assert not c.wire.paused

    run(main(), 20)


@pytest.mark.parametrize("size", [1_000, 5_000, 100_000, 1_000_000])
def test_a_body_of_any_length_arrives_whole_behind_another_request(size: int) -> None:
    async def main() -> None:
        async with conversation() as c:
            await c.send(
                GET % b"a" + POST % (b"b", size) + b"x" * size + GET % b"c" + CHUNKED + b"2\r\nab\r\n0\r\n\r\n"
            )
            async with asyncio.timeout(5):
                while len(c.wire.statuses) < 4:
                    await c.settle()
            assert c.asked == ["/a", "/b", "/c", "/c"]
            assert b"/b " + b"x" * size + b"HTTP" in c.wire.told
            assert not c.wire.paused

    run(main())


def test_no_more_is_read_while_there_is_more_than_was_answered() -> None:
    async def main() -> None:
        async with conversation() as c:
            block = (GET % b"a") * 2_000
            taken = 0
            async with asyncio.timeout(20):
                while taken < 10:
                    if not c.wire.paused:
                        c.reader.data_received(block)
                        taken += 1
                    await asyncio.sleep(0)
                    assert len(c.reader.unread) <= len(block)

    run(main(), 30)


def test_head_and_body_of_an_answer_leave_together_and_a_stream_s_head_at_once() -> None:
    async def main() -> None:
        async with conversation() as c:
            await c.send(POST % (b"a", 3) + b"abc")
            assert len(c.wire.writes) == 1
            assert c.wire.told.endswith(b"\r\n\r\n/a abc")
            await c.send(GET % b"stream")
            assert c.wire.writes[1].endswith(b"\r\n\r\n")
            assert c.wire.told.endswith(b"1\r\n/\r\n7\r\nstream \r\n0\r\n\r\n")

    run(main())


@pytest.mark.parametrize("broken", [b"no request\r\n\r\n", CHUNKED + b"ZZ\r\n", b"GET /x HTTP/1.1\r\n\r\n"])
def test_what_is_broken_is_told_behind_the_answers_to_what_was_whole(broken: bytes) -> None:
    async def main() -> None:
        async with conversation() as c:
            c.free.clear()
            await c.send(GET % b"a" + POST % (b"b", 2) + b"bb" + broken + GET % b"never")
            assert c.wire.writes == []
            c.free.set()
            await c.settle()
            assert c.wire.statuses == [200, 200, 400]
            assert c.wire.closed
            assert c.asked == ["/a", "/b"]

    run(main())


def test_a_broken_body_is_told_at_once_and_never_into_an_answer() -> None:
    async def main() -> None:
        async with conversation() as c:
            await c.send(CHUNKED + b"2\r\nab\r\n", b"ZZ\r\n")
            assert (c.wire.statuses, c.wire.closed) == ([400], True)
        async with conversation() as c:
            await c.send(POST % (b"early", 9) + b"abc", b"defghi" + GET % b"next")  # answered before its body was there
            assert c.wire.statuses == [403, 200]

    run(main())


@pytest.mark.parametrize("size", [1, 100, 5_000, 100_000])
def test_a_head_has_one_bound_in_whatever_pieces_it_comes(size: int) -> None:
    async def main() -> None:
        for length, status in ((HEAD_BYTES - 200, 200), (HEAD_BYTES + 1, 431)):
            head = b"GET /a HTTP/1.1\r\nhost: x\r\nx-a: %s\r\n\r\n" % (b"a" * length)
            async with conversation() as c:
                for at in range(0, len(head), size):
                    c.reader.data_received(head[at : at + size])
                await c.settle()
                assert c.wire.statuses == [status]

    run(main())


def test_fields_behind_a_body_are_bounded_and_none_of_the_head_s() -> None:
    async def main() -> None:
        async with conversation() as c:
            await c.send(CHUNKED + b"2\r\nab\r\n0\r\nauthorization: Bearer x\r\n\r\n")
            assert c.wire.told.endswith(b"/c ab")
            assert b"authorization" not in dict(c.fields[0])
            await c.send(CHUNKED + b"2\r\nab\r\n0\r\n", *[b"x-a: " + b"a" * 2_000 + b"\r\n"] * 6)
            assert (c.wire.statuses, c.wire.closed) == ([200, 400], True)

    run(main())


def test_who_asks_for_another_protocol_is_answered_in_this_one_and_stays() -> None:
    async def main() -> None:
        async with conversation() as c:
            asks = b"GET /up HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
            await c.send(asks + GET % b"b", GET % b"c")
            assert c.wire.statuses == [200, 200, 200]
            assert c.asked == ["/up", "/b", "/c"]

    run(main())


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/2.0\r\nhost: x\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\nhost: x\r\n\r\n", 505),
        (b"GET / HTTP/1.2\r\nhost: x\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET / RTSP/1.0\r\nhost: x\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nhost: x\r\n\r\n", 400),
        (b"SOURCE /x ICE/1.0\r\nhost: x\r\n\r\n", 400),
        (b"GET /RTSP/1.0 HTTP/1.1\r\nhost: x\r\nx-a: GET / RTSP/1.0\r\n\r\n", 200),
        (CHUNKED[:-2] + b"content-length: 3\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nhost: x\n\n", 400),
        (b"GET / HTTP/1.1\r\nhost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\n folded\r\n\r\n", 400),
    ],
)
def test_a_head_that_two_readers_could_read_differently_is_refused(head: bytes, status: int) -> None:
    async def main() -> None:
        async with conversation() as c:
            await c.send(head)
            assert c.wire.statuses == [status]
            assert status == 200 or b'"code": "bad_http"' in c.wire.told

    run(main())


@pytest.mark.parametrize("step", [1, 7, 1_000])
@pytest.mark.parametrize("method", [b"POST", b"CONNECT"])
@pytest.mark.parametrize("more", [b"", b"connection: close, upgrade\r\n"])
def test_a_body_beside_the_wish_for_another_protocol_is_a_body_and_never_the_next_request(
    step: int, method: bytes, more: bytes
) -> None:
    inner = GET % b"smuggled"
    chunked = b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nx: y\r\n\r\n" % (len(inner), inner)
    sized = b"content-length: %d\r\n\r\n%b" % (len(inner), inner)
    wish = (more or b"connection: upgrade\r\n") + b"upgrade: h2c\r\n"

    async def main() -> None:
        for framed, body in ((chunked, inner), (sized, inner), (b"content-length: 0\r\n\r\n", b"")):
            async with conversation() as c:
                target = b"a:1" if method == b"CONNECT" else b"/a"
                sent = method + b" " + target + b" HTTP/1.1\r\nhost: x\r\n" + wish + framed + GET % b"next"
                for at in range(0, len(sent), step):
                    c.reader.data_received(sent[at : at + step])
                async with asyncio.timeout(5):
                    while len(c.wire.statuses) < (1 if more else 2) or (more and not c.wire.closed):
                        await c.settle()
                asked = target.decode()
                assert c.asked == ([asked] if more else [asked, "/next"])
                assert b"\r\n\r\n%b %b" % (target, body) in c.wire.told

    run(main())


@pytest.mark.parametrize("step", [1, 7, 1_000])
def test_another_protocol_is_refused_wherever_it_begins_and_in_a_body_is_no_protocol(step: int) -> None:
    foreign = b"GET /b RTSP/1.0\r\nhost: x\r\n\r\n"

    async def main() -> None:
        async with conversation() as c:
            body = b"x\n" + foreign + foreign
            sent = GET % b"a" + POST % (b"c", len(body)) + body + foreign + GET % b"never"
            for at in range(0, len(sent), step):
                c.reader.data_received(sent[at : at + step])
            await c.settle()
            assert (c.asked, c.wire.statuses, c.wire.closed) == (["/a", "/c"], [200, 200, 400], True)
            assert b"/c " + body in c.wire.told
            assert b"(another protocol)" in c.wire.told

    run(main())


def test_a_head_of_many_small_fields_is_refused_while_it_comes() -> None:
    async def main() -> None:
        for fields, statuses in ((MOST_FIELDS - 1, [200]), (MOST_FIELDS, [431])):
            async with conversation() as c:
                await c.send(GET[:-2] % b"a", *[b"a:\r\n"] * fields, b"b:\r\n" if statuses == [431] else b"\r\n")
                assert c.wire.statuses == statuses
                assert len(c.reader.headers) <= MOST_FIELDS + 1

    run(main())


def test_who_speaks_http_1_0_is_never_told_to_go_on() -> None:
    async def main() -> None:
        for version, first in ((b"1.0", b"HTTP/1.1 200"), (b"1.1", b"HTTP/1.1 100")):
            async with conversation() as c:
                head = b"POST /a HTTP/%b\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n" % version
                await c.send(head, b"ab")
                assert c.wire.told.startswith(first)

    run(main())


def test_a_head_that_begins_beside_a_request_has_the_time_of_any_head() -> None:
    async def main() -> None:
        async with conversation() as c:
            await c.send(GET % b"a" + b"GET /b HTTP")
            assert c.reader.idle_since is None
            assert c.reader.silence is not None  # type: ignore[attr-defined]
            await c.send(b"/1.1\r\nhost: x\r\n\r\n")
            assert c.wire.statuses == [200, 200]

    run(main())


def test_a_long_wait_ends_with_its_client() -> None:
    async def main() -> None:
        async with conversation() as c:
            await c.send(GET % b"long")
            assert c.ends == []
            c.reader.connection_lost(None)
            await c.settle()
            assert c.ends == ["/long"]
            assert c.wire.writes == []

    run(main())


def test_no_request_begins_while_the_answer_before_is_unread() -> None:
    async def main() -> None:
        async with conversation() as c:
            c.wire.stuck = c.reader
            await c.send(GET % b"a" + GET % b"b", GET % b"c" + b"no request\r\n\r\n")
            for asked in (["/a"], ["/a", "/b"], ["/a", "/b", "/c"]):
                assert (c.asked, c.wire.closed) == (asked, False)
                c.reader.resume_writing()
                await c.settle()
            assert (c.wire.statuses, c.wire.closed) == ([200, 200, 200, 400], True)

    run(main())


def test_who_sends_no_more_is_sent_the_rest_of_the_answers() -> None:
    async def main() -> None:
        async with conversation() as c:
            c.wire.stuck = c.reader
            await c.send(GET % b"a" + GET % b"b")
            assert c.reader.end()
            c.reader.resume_writing()
            await c.settle()
            assert (c.asked, c.wire.statuses, c.wire.closed) == (["/a", "/b"], [200, 200], True)
        async with conversation() as c:
            c.wire.stuck = c.reader
            await c.send(GET % b"a")
            assert not c.reader.end()  # the transport sends the rest before it closes

    run(main())


def test_a_long_wait_of_a_client_that_may_have_left_ends_soon_also_one_that_is_still_to_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runtime.gateway.exchange.UNCERTAIN_S", 0.05)

    async def main() -> None:
        for before in (GET % b"long", GET % b"a" + GET % b"long"):
            async with conversation() as c:
                await c.send(before + GET % b"long")
                assert c.reader.end()
                c.reader.hurry()
                async with asyncio.timeout(5):
                    while not c.wire.closed:
                        await asyncio.sleep(0.01)
                assert c.ends == ["/long", "/long"]
                assert c.wire.statuses[-2:] == [202, 202]

    run(main())


def test_a_request_whose_client_has_left_waits_for_no_garbage_collection() -> None:
    async def main() -> None:
        for begun in (GET % b"long", GET % b"a", POST % (b"b", 9) + b"x", CHUNKED, GET % b"a" + POST % (b"b", 9)):
            async with conversation() as c:
                c.free.clear()
                gc.collect()
                gc.disable()
                try:
                    await c.send(begun)
                    kept = [weakref.ref(c.reader.running), weakref.ref(c.reader.cycle)]
                    c.reader.connection_lost(None)
                    c.free.set()
                    await c.settle()
                    assert [each() for each in kept] == [None, None], begun
                finally:
                    gc.enable()

    run(main())


def test_what_was_no_request_is_told_also_to_who_then_sends_no_more() -> None:
    async def main() -> None:
        async with conversation() as c:
            c.free.clear()
            await c.send(GET % b"a" + b"no request\r\n\r\n")
            assert c.reader.end()
            c.free.set()
            await c.settle()
            assert c.wire.statuses == [200, 400]

    run(main())


def test_who_sends_no_more_gets_every_answer_and_is_told_of_a_rest() -> None:
    async def main() -> None:
        for rest, statuses in ((b"", [200] * 300), (b"GET /ha", [*[200] * 300, 400])):
            async with conversation() as c:
                c.free.clear()
                await c.send((GET % b"a") * 300 + rest)
                assert c.reader.end()
                c.free.set()
                async with asyncio.timeout(10):
                    while not c.wire.closed:
                        await c.settle()
                assert c.wire.statuses == statuses
                assert rest == b"" or b'"incomplete"' in c.wire.told

    run(main(), 20)


def test_a_client_that_leaves_is_told_to_the_endpoint_at_work_not_to_the_newest_only() -> None:
    async def main() -> None:
        async with conversation() as c:
            c.free.clear()
            await c.send(GET % b"a" + GET % b"b")
            first = c.reader.running
            assert first is not None
            c.reader.connection_lost(None)
            assert await _said(first.receive) == "http.disconnect"
            c.free.set()
            await c.settle()
            assert c.asked == ["/a"]
            assert c.wire.writes == []

    run(main())


def test_a_connection_without_requests_ends_when_its_time_since_the_last_answer_is_over() -> None:
    async def main() -> None:
        async with conversation() as c:
            clock = Clock()
            c.reader.loop = cast("Any", clock)
            for at in (0.0, 3.0):
                clock.now = at
                await c.send(GET % b"a")
            assert len(clock.calls) == 1  # one timer, whatever comes in between
            clock.now = 5.0
            clock.calls.pop()[1]()
            assert not c.wire.closed
            [(seconds, again)] = clock.calls
            assert seconds == pytest.approx(3.0)
            clock.now = 8.0
            again()
            assert c.wire.closed

    run(main())


def test_the_size_of_a_head_is_that_of_its_target_and_fields() -> None:
    fields = [(b"host", b"x"), (b"a", b"1234")]
    assert head_flaw("1.1", b"/ab", fields, 13) is None
    flaw = head_flaw("1.1", b"/abc", fields, 13)
    assert flaw is not None
    assert flaw.status == 431


class Clock:
    """The loop's clock by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], None]]] = []
        self._loop = asyncio.get_running_loop()

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> Any:
        self.calls.append((seconds, call))
        return self._loop.call_later(3_600, call)

    def create_task(self, *args: Any, **more: Any) -> Any:
        return self._loop.create_task(*args, **more)


async def _said(receive: Callable[[], Awaitable[Any]]) -> str:
    return str((await receive())["type"])
