"""One real node for many bad inputs, and what must hold after each: it answers, it runs, it has told no secret."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from runtime.cli import exits
from tests.node_for_tests import Command, wait_gone

SECRET = "sk-ant-never-to-be-seen-0123456789"
SMALL = "name: small\nsteps:\n  - {name: a, type: set_variable, variables: {x: 1}}\n"
HEAD = "name: x\nsteps:\n"
# What a stack trace, a Python value or our own source shows.
LEAKS = ("Traceback", 'File "', "site-packages", ".py:", "bytearray(", "object at 0x", "<class '", SECRET)
PATIENCE_S = 20.0


def assert_tells_no_secret(text: str) -> None:
    """Nothing in `text` comes from inside the node."""
    for leak in LEAKS:
        assert leak not in text, f"{leak!r} reached a client: {text[:2000]}"


@dataclass(frozen=True)
class Answer:
    """One answer of the node."""

    status: int
    body: Any
    text: str

    @property
    def error(self) -> dict[str, Any]:
        """Its {"code", "message", "details"}."""
        return self.body["error"]


class LiveNode:
    """Requests to a node that runs, every answer of it checked by `assert_tells_no_secret`."""

    def __init__(self, evopipe: Command) -> None:
        self.evopipe = evopipe
        self.workspace = evopipe.home / "files"
        transport = httpx.HTTPTransport(uds=str(evopipe.socket))
        self.client = httpx.Client(transport=transport, base_url="http://evopipe", timeout=PATIENCE_S)
        self.pid = int(self.get("/v1/status").body["pid"])

    def close(self) -> None:
        self.client.close()

    def get(self, path: str) -> Answer:
        return self._answer(self.client.get(path))

    def post(self, path: str, body: Mapping[str, object] | bytes) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._answer(self.client.post(path, content=content))

    def validate(self, definition: str) -> Answer:
        return self.post("/v1/validate", {"definition": definition, "source": "p.yaml"})

    def run(self, definition: str, **more: object) -> Answer:
        """Submits and waits for the outcome."""
        body = {"definition": definition, "workspace": str(self.workspace), "wait": True, **more}
        return self.post("/v1/runs", body)

    def raw(self, *chunks: bytes, half_close: bool = False) -> bytes:
        """Everything the node sends to these bytes until it closes the connection."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(self.evopipe.socket))
            try:
                for chunk in chunks:
                    connection.sendall(chunk)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has read enough; its answer is there all the same
            received = whole_answer(connection)
        assert_tells_no_secret(received.decode("utf-8", "replace"))
        return received

    def assert_well(self) -> None:
        """The same process answers, and a small run succeeds."""
        assert self.get("/v1/status").body["pid"] == self.pid
        done = self.run(SMALL)
        assert done.body["status"] == "succeeded", done.text

    def log(self) -> str:
        return (self.evopipe.home / "state" / "logs" / "evopipe.log").read_text(encoding="utf-8")

    @staticmethod
    def _answer(response: httpx.Response) -> Answer:
        assert_tells_no_secret(response.text)
        return Answer(response.status_code, response.json(), response.text)


def whole_answer(connection: socket.socket) -> bytes:
    """What comes until the node closes."""
    received = b""
    while data := _received(connection):
        received += data
    return received


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


def status_of(raw: bytes) -> int:
    """The status of the first answer in `raw`."""
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", raw)
    assert found, raw[:200]
    return int(found.group(1))


def error_in(raw: bytes) -> dict[str, Any]:
    """The error of the only answer in `raw`."""
    return json.loads(raw.split(b"\r\n\r\n", 1)[1])["error"]


@contextmanager
def node_on(evopipe: Command) -> Generator[LiveNode]:
    """A node that is killed afterwards."""
    up = evopipe("up")
    assert up.returncode == exits.OK, up.stderr
    node = LiveNode(evopipe)
    try:
        yield node
    finally:
        node.close()
        os.kill(node.pid, signal.SIGKILL)
        wait_gone(node.pid)
        evopipe.socket.unlink()
