"""The client of the socket against servers that misbehave: what it raises, and that it can go on afterwards."""

from __future__ import annotations

import re
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.client import NodeClient, NodeUnreachableError, RequestFailedError

PATIENCE_S = 10.0
OK = b'HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{"a":1}'
Script = Callable[[socket.socket], None]


def request_on(connection: socket.socket) -> bytes:
    """One whole request."""
    came = connection.recv(65_536)
    length = re.search(rb"Content-Length: (\d+)", came)
    while length and len(came.partition(b"\r\n\r\n")[2]) < int(length[1]):
        came += connection.recv(65_536)
    return came


class Scripted:
    """A socket on which each connection that comes is treated by the next script, then closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests: list[bytes] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._threads: list[threading.Thread] = []

    def play(self, *scripts: Script) -> NodeClient:
        def serve() -> None:
            for script in scripts:
                connection, _ = self._listener.accept()
                with connection:
                    connection.settimeout(PATIENCE_S)
                    script(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self._threads.append(thread)
        return NodeClient(self.path, timeout_s=PATIENCE_S)

    def answers(self, *answers: bytes) -> Script:
        def script(connection: socket.socket) -> None:
            for answer in answers:
                self.requests.append(request_on(connection))
                connection.sendall(answer)

        return script

    def end(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a connection that was foreseen never came"
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Scripted]:
    # Not tmp_path: a socket's path may have 100 characters.
    with tempfile.TemporaryDirectory(prefix="evo") as directory:
        scripted = Scripted(Path(directory) / "s")
        yield scripted
        scripted.end()


def test_requests_share_a_connection_and_make_a_new_one_where_the_node_has_closed_it(server: Scripted) -> None:
    with server.play(server.answers(OK, OK), server.answers(OK)) as client:
        for _ in range(2):
            assert client.get("/v1/status", tail=3) == {"a": 1}
        assert client.post("/v1/a b/é", {"word": "é"}) == {"a": 1}
    assert server.requests[0].startswith(b"GET /v1/status?tail=3 HTTP/1.1\r\n")
    assert server.requests[2].startswith(b"POST /v1/a%20b/%C3%A9 HTTP/1.1\r\n")
    assert server.requests[2].endswith('{"word":"é"}'.encode())


def test_a_refusal_that_comes_before_the_request_is_read_is_told_as_what_it_is(server: Scripted) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(1_000)
        body = b'{"error":{"code":"too_large","message":"too large","details":["at most 5"]}}'
        connection.sendall(b"HTTP/1.1 413 Large\r\nretry-after: 2\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    with server.play(refuse) as client, pytest.raises(RequestFailedError) as caught:
        client.post("/v1/runs", {"definition": "x" * 5_000_000})
    refused = caught.value
    assert (refused.status, refused.code, refused.message) == (413, "too_large", "too large")
    assert (refused.details, refused.retry_after_s) == (["at most 5"], 2.0)


def test_an_error_that_is_no_json_keeps_its_status(server: Scripted) -> None:
    answer = b"HTTP/1.1 502 Bad\r\ncontent-length: 4\r\n\r\noops"
    with server.play(server.answers(answer)) as client, pytest.raises(RequestFailedError, match="502: oops"):
        client.get("/v1/status")


CUT_OFF = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-x\r\n\r\n",
    "half a body": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf\n",
    "half a chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhalf\n\r\n9\r\nha",
    "no last chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhalf\n\r\n",
}


@pytest.mark.parametrize("answer", CUT_OFF.values(), ids=CUT_OFF.keys())
@pytest.mark.parametrize("way", ["get", "lines", "chunks"])
def test_an_answer_that_breaks_off_is_a_node_that_has_gone(server: Scripted, answer: bytes, way: str) -> None:
    came: list[str | bytes] = []
    with server.play(server.answers(answer)) as client, pytest.raises(NodeUnreachableError) as caught:
        if way == "get":
            client.get("/v1/status")
        for part in client.lines("/v1/logs") if way == "lines" else client.chunks("/v1/logs"):
            came.append(part)
    assert str(server.path) in str(caught.value)
    assert came in ([], ["half"], [b"half\n"], ["half", "ha"], [b"half\n", b"ha"])


def test_lines_come_one_by_one_and_end_at_line_feeds_only(server: Scripted) -> None:
    read = threading.Event()

    def slow(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nfirst\r\nse\r\n")
        assert read.wait(PATIENCE_S), "the first line waited for the second"
        rest = "c\u2028ond\nend".encode()
        connection.sendall(b"%x\r\n" % len(rest) + rest + b"\r\n0\r\n\r\n")

    with server.play(slow) as client:
        lines = client.lines("/v1/logs")
        assert next(lines) == "first"
        read.set()
        assert list(lines) == ["sec\u2028ond", "end"]


def test_a_stream_that_is_left_does_not_disturb_the_next_request(server: Scripted) -> None:
    def endless(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\na\n\r\n")
        assert connection.recv(1) == b"", "the client keeps the stream"

    with server.play(endless, server.answers(OK)) as client:
        lines = client.lines("/v1/logs")
        assert next(lines) == "a"
        del lines
        assert client.get("/v1/status") == {"a": 1}


def test_a_node_that_does_not_answer_in_time_is_told_with_the_reason(server: Scripted) -> None:
    def silent(connection: socket.socket) -> None:
        while connection.recv(65_536):
            pass  # until the client has given up

    with server.play(silent) as client, pytest.raises(NodeUnreachableError, match="timed out"):
        client.post("/v1/kill-switches", {}, timeout_s=0.05)


def test_no_socket_and_one_that_nobody_serves_are_told_alike(tmp_path: Path) -> None:
    with pytest.raises(NodeUnreachableError, match=r"No such file or directory.*evopipe up"):
        NodeClient(tmp_path / "none").get("/v1/status")
    with tempfile.TemporaryDirectory(prefix="evo") as directory:
        path = Path(directory) / "s"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        with pytest.raises(NodeUnreachableError, match=r"Connection refused.*evopipe up"):
            list(NodeClient(path).lines("/v1/logs"))
