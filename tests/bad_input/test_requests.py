"""Requests that are no good HTTP or no good JSON, and clients that stop in the middle."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import pytest

from tests.bad_input.live import HEAD, SECRET, SMALL, LiveNode, error_in, status_of, whole_answer

pytestmark = pytest.mark.daemon
GET = b"GET /v1/status HTTP/1.1\r\nhost: x\r\n"
POST = b"POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
CLOSE = b"connection: close\r\n\r\n"
SUBMIT = json.dumps({"definition": SMALL}).encode()
TAKES_X = f"inputs: {{x: {{type: any}}}}\n{SMALL}"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"\x00\xff\x16\x03garbage\r\n\r\n", 400, "bad_http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), 400, "bad_http"),
        (b"GET /v1/status HTTP/1.1\r\n\r\n", 400, "bad_http"),
        (POST + b"content-length: -1\r\n\r\n", 400, "bad_http"),
        (POST + b"content-length: 3\r\ncontent-length: 5\r\n\r\nabcde", 400, "bad_http"),
        (POST + b"content-length: 99999999999999999999999\r\n\r\n", 400, "bad_http"),
        (POST + b"transfer-encoding: chunked\r\n\r\nZZ\r\n", 400, "bad_http"),
        (GET + b"x-a: " + b"a" * 200_000 + b"\r\n\r\n", 431, "head_too_large"),
        (GET + b"x-a: " + b"a" * 2_000_000, 431, "head_too_large"),
        (GET + b"".join(b"x-%d: a\r\n" % i for i in range(20_000)) + b"\r\n", 431, "head_too_large"),
        (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431, "head_too_large"),
        (POST + b"content-length: 999999999\r\n\r\n", 413, "too_large"),
        (POST + b"content-length: 4\r\n" + CLOSE + b"\xff\xfe{\x00", 400, "bad_json"),
        (b"GET /v1/runs/%00%ff HTTP/1.1\r\nhost: x\r\n" + CLOSE, 404, "no_such_run"),
        (b"GET /v1/runs?limit=-1%00 HTTP/1.1\r\nhost: x\r\n" + CLOSE, 400, "bad_query"),
        (b"DELETE /v1/runs HTTP/1.1\r\nhost: x\r\n" + CLOSE, 405, "method_not_allowed"),
    ],
    ids=lambda value: value[:24].decode("ascii", "replace") if isinstance(value, bytes) else None,
)
def test_a_malformed_or_oversized_request_gets_one_clear_answer(
    node: LiveNode, data: bytes, status: int, code: str
) -> None:
    answer = node.raw(data)
    assert status_of(answer) == status
    error = error_in(answer)
    assert error["code"] == code
    assert error["message"].endswith(".")


def test_a_slow_client_is_told_so_after_the_deadline(node: LiveNode) -> None:
    beginnings = [b"", b"GET /v1/st", POST + b"content-length: 100\r\n\r\n{"]
    with ExitStack() as stack:
        waiting = [stack.enter_context(connected(node)) for _ in beginnings]
        for connection, beginning in zip(waiting, beginnings, strict=True):
            connection.sendall(beginning)
        for connection in waiting:
            connection.settimeout(10)
            answer = whole_answer(connection)
            assert (status_of(answer), error_in(answer)["code"]) == (408, "too_slow")


def test_bytes_that_trickle_in_do_not_prolong_the_deadline(node: LiveNode) -> None:
    header, piece = b"x: y\r\n", b"1\r\n \r\n"
    trickles = [
        (b"GET /v1/status HTTP/1.1\r\n", header),
        (b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\nGET /v1/status HTTP/1.1\r\n", header),
        (POST + b"transfer-encoding: chunked\r\n\r\n", piece),
    ]
    with ExitStack() as stack:
        open_ones = [(stack.enter_context(connected(node)), more) for _, more in trickles]
        began = time.monotonic()
        for (connection, _), (beginning, _) in zip(open_ones, trickles, strict=True):
            connection.sendall(beginning)
        while open_ones:
            assert time.monotonic() - began < 5, "the deadline never came"
            open_ones = [each for each in open_ones if b" 408 " not in exchanged(*each)]


def test_a_client_that_has_closed_its_sending_side_gets_its_answer(node: LiveNode) -> None:
    answer = node.raw(POST + b"content-length: %d\r\n\r\n" % len(SUBMIT) + SUBMIT, half_close=True)
    assert status_of(answer) == 202
    waiting = json.dumps({"definition": SMALL, "wait": True}).encode()
    answer = node.raw(POST + b"content-length: %d\r\n\r\n" % len(waiting) + waiting, half_close=True)
    assert b'"status":"succeeded"' in answer


@pytest.mark.parametrize("data", [b"GET /v1/st", POST + b"content-length: 100\r\n\r\n{"], ids=["head", "body"])
def test_a_request_that_ends_in_the_middle_is_told_so(node: LiveNode, data: bytes) -> None:
    answer = node.raw(data, half_close=True)
    assert (status_of(answer), error_in(answer)["code"]) == (400, "incomplete")


def test_more_connections_than_allowed_are_told_to_wait_and_the_node_recovers(node: LiveNode) -> None:
    idle = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    try:
        for each in idle:
            each.connect(str(node.evopipe.socket))
        answer = node.raw(GET + b"\r\n")
        assert (status_of(answer), error_in(answer)["code"]) == (503, "too_many_connections")
        assert b"retry-after: 1" in answer
    finally:
        for each in idle:
            each.close()


def test_a_client_that_leaves_while_it_waits_or_reads_costs_nothing(node: LiveNode) -> None:
    slow = f"{HEAD}  - {{name: a, type: claude, prompt: hello}}\n"
    body = json.dumps({"definition": slow, "wait": True, "idempotency_key": "left"}).encode()
    with connected(node) as connection:
        connection.sendall(POST + b"content-length: %d\r\n\r\n" % len(body) + body)
    accepted = node.post("/v1/runs", {"definition": slow, "idempotency_key": "left", "wait": True})
    assert accepted.body["status"] == "succeeded"  # the run of the client that left, or the same request's own
    with connected(node) as connection:
        path = f"/v1/runs/{accepted.body['run_id']}/events".encode()
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        assert connection.recv(10)


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (b"NaN", "holds NaN, which is not JSON"),
        (b"[-Infinity]", "holds -Infinity, which is not JSON"),
        (b"1e999", "the number 1e999 is too large"),
        (b"9" * 5000, "too many digits"),
        (b"[" * 61 + b"]" * 61, "nested deeper than 60 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper than 60 levels"),
        (b'{"a": 1, "a": 2}', "the key 'a' is there twice"),
        (b'"\xff"', "is not UTF-8"),
        (b"'x'", "is not JSON: "),
    ],
    ids=lambda value: value[:12].decode("ascii", "replace") if isinstance(value, bytes) else None,
)
def test_a_body_that_is_not_strict_json_is_refused(node: LiveNode, inputs: bytes, told: str) -> None:
    body = b'{"definition": %s, "inputs": {"x": %s}}' % (json.dumps(TAKES_X).encode(), inputs)
    answer = node.post("/v1/runs", body)
    assert (answer.status, answer.error["code"]) == (400, "bad_json")
    assert told in answer.error["message"]


@pytest.mark.parametrize(
    ("more", "key", "told"),
    [
        ({"definition": 3}, "definition", "must be text"),
        ({"definitoin": "x"}, "definitoin", "did you mean 'definition'?"),
        ({"timeout_s": "soon"}, "timeout_s", "must be a number"),
        ({"timeout_s": 0}, "timeout_s", "must be more than 0"),
        ({"inputs": []}, "inputs", "must be an object"),
        ({"source": "s" * 5000}, "source", "must be at most 4096 characters"),
        ({"definition": "\ud800"}, "definition", "must be text without lone surrogates"),
        ({"idempotency_key": ""}, "idempotency_key", "must be at least 1 character"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_body_with_wrong_values_is_told_by_key(node: LiveNode, more: dict[str, object], key: str, told: str) -> None:
    answer = node.post("/v1/runs", {"definition": SMALL, **more})
    assert (answer.status, answer.error["code"]) == (422, "invalid_request")
    assert [each["message"] for each in answer.error["details"] if each["key"] == key and told in each["message"]]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "[" * 50_000])
def test_text_for_a_number_must_be_a_number_that_json_has(node: LiveNode, value: str) -> None:
    definition = f"inputs: {{x: {{type: number}}}}\n{SMALL}"
    answer = node.run(definition, inputs={"x": value})
    assert (answer.status, answer.error["code"]) == (422, "invalid_inputs")


def test_an_answer_is_not_as_long_as_what_it_complains_about(node: LiveNode) -> None:
    for body in ({"definition": SMALL, "inputs": {"k" * 100_000: 1}}, {"definition": SMALL, "k" * 100_000: 1}):
        answer = node.post("/v1/runs", body)
        assert answer.status == 422
        assert len(answer.text) < 10_000


def test_keys_by_the_hundred_thousand_hold_nobody_up(node: LiveNode) -> None:
    many = {f"k{number}": 1 for number in range(100_000)}
    answer = node.post("/v1/validate", many)
    assert (answer.status, answer.error["code"]) == (422, "invalid_request")
    assert "100000 keys; known: definition, source" in answer.error["message"]
    answer = node.post("/v1/runs", {"definition": SMALL, "inputs": many})
    assert (answer.status, answer.error["code"]) == (422, "invalid_inputs")
    assert "99950 more are not inputs" in answer.error["details"][-1]


def test_no_answer_of_any_path_tells_a_key(node: LiveNode) -> None:
    for path in ("/v1/status", "/v1/tree", "/v1/ps", "/v1/runs", "/v1/kill-switches", "/openapi.json"):
        assert SECRET not in node.get(path).text
    assert SECRET not in node.log()


@contextmanager
def connected(node: LiveNode) -> Generator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(node.evopipe.socket))
        yield connection


def exchanged(connection: socket.socket, piece: bytes) -> bytes:
    """Sends one more piece and gives what has come back within 50 ms."""
    connection.settimeout(0.05)
    try:
        connection.sendall(piece)
        return connection.recv(65_536)
    except TimeoutError:
        return b""
    except (BrokenPipeError, ConnectionResetError):
        connection.settimeout(5)
        return connection.recv(65_536)
