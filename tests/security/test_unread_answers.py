"""Clients that ask and do not read: what they hold of the node's memory is bounded, and is given back when they go."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from runtime.gateway.insight import InsightEndpoints
from runtime.gateway.unread import FLOOD_BYTES, UnreadAnswers
from tests.runtime.gateway_fakes import gateway
from tests.support import run

KIB = 1024
ANSWER_BYTES = 64 * KIB * 16
ASK = b"GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n"


def test_the_user_with_the_most_unread_bytes_gives_way_with_what_has_waited_longest() -> None:
    unread: UnreadAnswers[str] = UnreadAnswers(100)
    assert unread.add("slow", "ann", 40, 0.0) == []
    assert unread.add("flood 1", "bob", 30, 1.0) == []
    assert unread.add("flood 2", "bob", 30, 2.0) == []
    assert unread.add("flood 3", "bob", 30, 3.0) == ["flood 1"]
    assert unread.add("huge", "bob", 500, 4.0) == ["flood 2", "flood 3", "huge"]
    assert unread.total == 40
    assert unread.add("huge", "bob", 500, 5.0) == ["huge"]
    unread.remove("slow")
    assert unread.add("huge", "bob", 500, 6.0) == []  # there is nobody else to make room for
    assert unread.add("huge", "bob", 500, 7.0) == []  # it is counted once
    assert unread.total == 500
    unread.remove("huge")
    unread.remove("huge")
    assert unread.total == 0


def test_who_has_not_read_for_longest_is_found_once_that_is_too_long() -> None:
    unread: UnreadAnswers[str] = UnreadAnswers(100)
    assert unread.longest(9.0, 1.0) is None
    unread.add("a", "ann", 1, 1.0)
    unread.add("b", "ann", 1, 2.0)
    assert [unread.longest(now, 5.0) for now in (5.9, 6.0, 9.0)] == [None, "a", "a"]
    unread.remove("a")
    assert [unread.longest(now, 5.0) for now in (6.9, 7.0)] == [None, "b"]


def test_a_flood_ebbs_once_and_small_rests_are_none() -> None:
    unread: UnreadAnswers[int] = UnreadAnswers(FLOOD_BYTES * 4)
    for each in range(2):
        unread.add(each, "ann", FLOOD_BYTES, 0.0)
    assert not unread.has_ebbed()
    unread.remove(0)
    assert not unread.has_ebbed()
    unread.remove(1)
    assert [unread.has_ebbed(), unread.has_ebbed()] == [True, False]
    unread.add(3, "ann", FLOOD_BYTES - 1, 0.0)
    unread.remove(3)
    assert not unread.has_ebbed()


def asking(path: Path, count: int) -> list[socket.socket]:
    made: list[socket.socket] = []
    for _ in range(count):
        made.append(socket.socket(socket.AF_UNIX))
        made[-1].settimeout(8)
        made[-1].connect(str(path))
        made[-1].sendall(ASK * 2)
    return made


def rest_of(client: socket.socket) -> bytes:
    """What comes until the end."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(KIB * KIB):
            found += piece
    return found


def large_answers(env: dict[str, str]) -> None:
    env["EVOPIPE_LIMITS__ANSWER_BYTES"] = str(64 * KIB)  # so that 512 KiB may be unread


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


def test_many_that_never_read_hold_no_more_than_the_bound_and_what_they_held_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[UnreadAnswers[Any]] = []
    trimmed: list[str] = []
    asked: list[str] = []

    def counted(most: int) -> UnreadAnswers[Any]:
        made.append(UnreadAnswers(most))
        return made[-1]

    async def large(_self: InsightEndpoints, _request: Request) -> Response:
        asked.append("status")
        return Response(b"x" * ANSWER_BYTES)

    monkeypatch.setattr("runtime.gateway.connection.UnreadAnswers", counted)
    monkeypatch.setattr("runtime.gateway.unread.FLOOD_BYTES", ANSWER_BYTES // 2)
    monkeypatch.setattr("runtime.gateway.serving.EBB_S", 0.0)
    monkeypatch.setattr("runtime.gateway.serving.give_back_memory", lambda: trimmed.append("trimmed"))
    monkeypatch.setattr(InsightEndpoints, "status", large)

    async def main() -> None:
        async with gateway(change=large_answers) as g:
            clients = asking(g.path, 20)
            await until(lambda: len(asked) >= 20)
            (unread,) = made
            assert 0 < unread.total <= ANSWER_BYTES  # one is more than the bound, and there is no second one
            assert len(asked) == 20  # no second answer is made for who has not read the first
            assert not trimmed
            assert len(await asyncio.to_thread(rest_of, clients[0])) < ANSWER_BYTES  # it was cut off
            for each in clients:
                each.close()
            await until(lambda: bool(trimmed))
            assert unread.total == 0
            reader, writer = await asyncio.open_unix_connection(g.path, limit=2 * ANSWER_BYTES)
            writer.write(ASK * 2)
            for _ in range(2):  # who reads gets all of it
                head = await reader.readuntil(b"\r\n\r\n")
                assert b"200 OK" in head
                assert await reader.readexactly(ANSWER_BYTES) == b"x" * ANSWER_BYTES
            writer.close()

    run(main(), 30)
