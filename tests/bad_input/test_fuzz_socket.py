"""Bytes that nobody foresaw, on the socket of a real node: every answer is HTTP, and the node stays as it is.

EVOPIPE_FUZZ_EXAMPLES sets how many connections are tried (for a long run), EVOPIPE_FUZZ_SEED which.
"""

from __future__ import annotations

import os
import random
import re
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.bad_input.live import LiveNode, assert_tells_no_secret, error_in, status_of, whole_answer
from tests.node_for_tests import node_home

pytestmark = pytest.mark.daemon
EXAMPLES = int(os.environ.get("EVOPIPE_FUZZ_EXAMPLES", "120"))
GET = b"GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED = (
    b"POST /v1/validate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)
WHOLE = (
    GET,
    b"GET /v1/runs?limit=5 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    b'POST /v1/validate HTTP/1.1\r\nhost: x\r\ncontent-length: 18\r\n\r\n{"definition": ""}',
    CHUNKED + b'5\r\n{"def\r\n0\r\n\r\n',
    b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    PREFACE,
)


def some_bytes(rng: random.Random) -> list[bytes]:
    """What one client sends, in pieces: noise, or good requests with something wrong in them."""
    match rng.randrange(5):
        case 0:
            sent = rng.randbytes(rng.randrange(1, 3000))
        case 1:
            mutated = bytearray(rng.choice(WHOLE))
            for _ in range(rng.randrange(1, 8)):
                mutated[rng.randrange(len(mutated))] = rng.randrange(256)
            sent = bytes(mutated)
        case 2:
            sent = b"".join(rng.choice(WHOLE) for _ in range(rng.randrange(2, 6))) + rng.randbytes(20)
        case 3:
            whole = rng.choice(WHOLE)
            sent = whole[: rng.randrange(1, len(whole))]
        case _:
            size = rng.choice([b"-1", b"ffffffffffffffffffff", b"5;x=\x00", b" 5", b"0x5", b"5\n", b""])
            sent = CHUNKED + size + b"\r\nabcde\r\n"
    cuts = sorted(rng.randrange(len(sent) + 1) for _ in range(rng.randrange(3)))
    return [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]


def test_whatever_comes_is_answered_in_http_or_not_at_all_and_the_node_goes_on(node: LiveNode) -> None:
    seed = int(os.environ.get("EVOPIPE_FUZZ_SEED", random.SystemRandom().randrange(2**32)))
    print(f"EVOPIPE_FUZZ_SEED={seed}")
    rng = random.Random(seed)
    for number in range(EXAMPLES):
        pieces = some_bytes(rng)
        answer = node.raw(*pieces, half_close=True)
        for start in re.finditer(rb"(?m)^HTTP/", answer):
            assert re.match(rb"HTTP/1\.1 [1-5]\d\d ", answer[start.start() :]), (number, pieces, answer[:300])
        assert not answer or answer.startswith(b"HTTP/1.1 "), (number, pieces, answer[:300])
        assert not re.search(rb"^HTTP/1\.1 500 ", answer), (number, pieces, answer[:300])


@pytest.mark.parametrize("size", [b"ffffffffffffffffffff", b"-1", b"0x5", b"5 5"])
def test_a_chunk_whose_size_is_none_is_told_so(node: LiveNode, size: bytes) -> None:
    answer = node.raw(CHUNKED + size + b"\r\nabcde\r\n0\r\n\r\n", half_close=True)
    # A size of 20 digits is one, only too large: more of the body is waited for.
    assert (status_of(answer), error_in(answer)["code"]) in {(400, "bad_http"), (400, "incomplete")}


def test_a_client_that_speaks_http_2_is_told_what_is_spoken_here(node: LiveNode) -> None:
    answer = node.raw(PREFACE)
    assert (status_of(answer), error_in(answer)["code"]) == (505, "bad_http")
    assert "HTTP/1.1" in error_in(answer)["message"]


def test_garbage_behind_a_good_request_costs_that_request_nothing(node: LiveNode) -> None:
    answer = node.raw(GET + b"\x00\x01garbage\r\n\r\n", half_close=True)
    assert status_of(answer) == 200
    assert b"HTTP/1.1 400 " in answer


@pytest.fixture
def roomy_node() -> Iterator[LiveNode]:
    """A node that allows as many connections as are tried."""
    with node_home() as evopipe:
        evopipe.env |= {
            "EVOPIPE_STATE_DIR": str(evopipe.home / "state"),
            "EVOPIPE_LIMITS__REQUEST_TIMEOUT_S": "8",
            "EVOPIPE_LIMITS__CONNECTIONS": "10000",
        }
        assert evopipe("up").returncode == 0
        live = LiveNode(evopipe)
        yield live
        live.close()


def test_5000_idle_connections_leave_the_node_quick_and_are_ended_after_the_deadline(roomy_node: LiveNode) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 5_000
    if hard < wanted + 500:
        pytest.skip(f"only {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 500), hard))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        idle: list[socket.socket] = []
        for _ in range(wanted):
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(str(roomy_node.evopipe.socket))  # waits while the backlog is full
            connection.settimeout(20)
            idle.append(connection)
        began = time.monotonic()
        roomy_node.assert_well()
        assert time.monotonic() - began < 5
        for connection in (idle[0], idle[-1]):
            told = whole_answer(connection)
            assert_tells_no_secret(told.decode())
            assert (status_of(told), error_in(told)["code"]) == (408, "too_slow")
    roomy_node.assert_well()
    assert "Traceback" not in roomy_node.log()
