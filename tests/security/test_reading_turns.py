"""Large requests are read one at a time, by turns of their users, and never in the way of a kill switch."""

from __future__ import annotations

import asyncio
import json

import pytest

from runtime.gateway.body import LARGE_BODY_BYTES
from runtime.gateway.problems import ApiError
from runtime.gateway.strict_json import MOST_VALUES, BadJsonError, read_json
from runtime.gateway.turns import ReadingTurns
from tests.actors_for_tests import settle
from tests.runtime.gateway_fakes import gateway
from tests.support import run


class Clients:
    """Requests that are read until they are let go, in the order of their turns."""

    def __init__(self, turns: ReadingTurns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self.go = asyncio.Semaphore(0)

    async def read(self, name: str, user: str, timeout_s: float = 8.0) -> None:
        async with self.turns.turn(user, timeout_s):
            self.began.append(name)
            await self.go.acquire()


def test_one_is_read_at_a_time_and_who_sends_many_holds_nobody_up() -> None:
    async def main() -> None:
        clients = Clients(ReadingTurns())
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(clients.read(f"flood {number}", "eve"))
            await settle()
            group.create_task(clients.read("one", "ann"))
            await settle()
            assert clients.began == ["flood 0"]
            for _ in range(2):
                clients.go.release()
                await settle()
            assert clients.began == ["flood 0", "one", "flood 1"]
            for _ in range(4):
                clients.go.release()
        assert clients.began[3:] == ["flood 2", "flood 3", "flood 4"]

    run(main())


def test_none_is_begun_while_a_kill_switch_is_triggered_and_that_does_not_last() -> None:
    async def main() -> None:
        clients = Clients(ReadingTurns())
        async with asyncio.TaskGroup() as group:
            with clients.turns.urgent(), clients.turns.urgent():
                group.create_task(clients.read("a", "ann"))
                await settle()
                assert clients.began == []
            await settle()
            assert clients.began == ["a"]
            clients.go.release()
        impatient = Clients(ReadingTurns(urgent_s=0.0))
        impatient.go.release()
        with impatient.turns.urgent():
            await impatient.read("b", "ann")
        assert impatient.began == ["b"]

    run(main())


def test_whose_turn_does_not_come_is_told_to_try_again() -> None:
    async def main() -> None:
        clients = Clients(ReadingTurns())
        async with asyncio.TaskGroup() as group:
            group.create_task(clients.read("first", "eve"))
            await settle()
            with pytest.raises(ApiError) as refused:
                await clients.read("second", "eve", 0.0)
            assert (refused.value.status, refused.value.code) == (503, "busy")
            clients.go.release()
        clients.go.release()
        await clients.read("third", "eve")
        assert clients.began == ["first", "third"]

    run(main())


@pytest.mark.parametrize("body", [b"[" + b"0," * MOST_VALUES + b"0]", b'{"a\\"":[' + b"{}," * MOST_VALUES])
def test_more_values_than_data_has_are_refused_before_they_are_read(body: bytes) -> None:
    with pytest.raises(BadJsonError, match=f"more than {MOST_VALUES} values"):
        read_json(body)


@pytest.mark.parametrize("text", ["a, b: [{x}]\n", 'say "x, [{y}]" \\', ","])
def test_what_a_text_holds_counts_as_one_value(text: str) -> None:
    long = {"definition": text * MOST_VALUES}
    assert read_json(json.dumps(long).encode()) == long


def test_a_text_without_an_end_is_looked_at_once() -> None:
    with pytest.raises(BadJsonError, match="Unterminated"):
        read_json(b'"' + b'\\",' * (MOST_VALUES + 1))


def test_a_kill_does_not_wait_behind_large_requests_nor_may_it_be_one() -> None:
    async def main() -> None:
        switch = {"level": "node", "reason": "stop"}
        async with gateway() as g:
            assert (await g.client.post("/v1/kill-switches", json=switch)).status_code == 200
            padded = json.dumps(switch) + " " * LARGE_BODY_BYTES
            refused = await g.client.post("/v1/kill-switches", content=padded)
            assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_large")
            assert len(g.seen.switches) == 1

    run(main())
