"""Whoever holds connections, on purpose or not, keeps nobody else out: places, the owner's share, files."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from actors.audit import AuditBook
from actors.kernel import Kernel, Reply
from actors.killswitch import KillView
from actors.runs import AwaitRun, RunOutcome
from runtime.gateway.access import Peer
from runtime.gateway.connection import ConnectionLimits
from runtime.gateway.roles import Role
from runtime.metrics import MetricsAddress, MetricsServer, NodeMetrics
from runtime.process_limits import FEWEST_CONNECTIONS, RESERVED, forbid_core_files, raise_open_files, room_for
from tests.runtime.gateway_fakes import PIPELINE, FakeRuns, gateway
from tests.security.test_roles import VIEWER, with_roles
from tests.support import run

ASK = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"


@contextmanager
def connections(path: Path, count: int) -> Generator[list[socket.socket]]:
    """So many that send nothing."""
    made = [socket.socket(socket.AF_UNIX) for _ in range(count)]
    try:
        for each in made:
            each.setblocking(False)
            each.connect(str(path))
        yield made
    finally:
        for each in made:
            each.close()


async def told(path: Path) -> str:
    """The beginning of what one more client is answered."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(b"GET /v1/tree HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        async with asyncio.timeout(8):
            return (await reader.read()).decode()
    finally:
        writer.close()


def with_limits(count: int, deadline_s: float) -> Callable[[dict[str, str]], None]:
    def change(env: dict[str, str]) -> None:
        env["EVOPIPE_LIMITS__CONNECTIONS"] = str(count)
        env["EVOPIPE_LIMITS__REQUEST_TIMEOUT_S"] = str(deadline_s)

    return change


def test_who_never_reads_the_answers_gives_the_place_to_the_next_when_there_is_none_left() -> None:
    async def main() -> None:
        async with gateway(change=with_limits(4, 0.3)) as g:
            with connections(g.path, 4) as greedy:
                for each in greedy:
                    for _ in range(200):  # more answers than the system keeps for a socket
                        try:
                            each.send(ASK * 20)
                        except BlockingIOError:
                            break
                answers = [await told(g.path)]
                async with asyncio.timeout(8):
                    while not answers[-1].startswith("HTTP/1.1 200"):
                        assert "too_many_connections" in answers[-1]
                        answers.append(await told(g.path))

    run(main(), 20)


def test_who_closed_the_sending_side_and_then_leaves_holds_no_place_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.gateway.connection.HALF_CLOSED_LOOK_S", 0.02)
    answer = FakeRuns.on_receive
    replies: list[Reply] = []

    async def later(self: FakeRuns, message: object) -> object:
        if not isinstance(message, AwaitRun):
            return await answer(self, message)
        replies.append(self.later())
        return None

    monkeypatch.setattr(FakeRuns, "on_receive", later)
    body = json.dumps({"definition": PIPELINE, "workspace": "/tmp", "wait": True, "timeout_s": 3600}).encode()
    asks = b"POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    async def main() -> None:
        async with gateway(change=with_limits(1, 30)) as g, asyncio.timeout(15):
            for leaves in (True, False):
                reader, writer = await asyncio.open_unix_connection(g.path)
                writer.write(asks)
                writer.write_eof()
                while not replies:
                    await asyncio.sleep(0.01)
                assert "too_many_connections" in await told(g.path)
                if leaves:
                    writer.close()
                else:
                    replies[0].set(RunOutcome("r", "succeeded", {}, {}, None, {}, None, 0.1))
                    assert (await reader.read()).startswith(b"HTTP/1.1 200")  # who reads on gets its answer
                    writer.close()
                while not (await told(g.path)).startswith("HTTP/1.1 200"):
                    pass
                replies.clear()

    run(main(), 20)


def test_the_last_places_are_the_owner_s_who_may_have_to_stop_what_floods_the_node(tmp_path: Path) -> None:
    async def main() -> None:
        coming = {"uid": VIEWER}

        def change(env: dict[str, str]) -> None:
            with_roles(tmp_path)(env)
            with_limits(16, 30)(env)

        async with gateway(uid_of=lambda _: coming["uid"], change=change) as g:
            with connections(g.path, 14):
                assert "too_many_connections" in await told(g.path)
                coming["uid"] = os.getuid()
                assert (await told(g.path)).startswith("HTTP/1.1 200")

    run(main())


def test_an_eighth_of_the_places_is_for_owners_and_those_who_have_yet_to_show_a_token() -> None:
    limits = ConnectionLimits(1.0, 1024, 1000)
    rooms = [limits.room(Peer("x", role)) for role in (Role.VIEWER, Role.OPERATOR, Role.OWNER, None)]
    assert rooms == [896, 896, 1024, 1024]
    assert ConnectionLimits(1.0, 1, 1000).room(Peer("x", Role.VIEWER)) == 1


def test_idle_connections_to_the_metrics_take_no_more_than_their_places() -> None:
    async def main() -> None:
        kernel = Kernel()
        metrics = NodeMetrics(kernel, KillView(), audit=AuditBook())
        server = await kernel.spawn(MetricsServer, metrics)
        host, port = await server.call(MetricsAddress())
        idle = [socket.create_connection((host, port)) for _ in range(40)]
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=8) as client:
            refused = await client.get("/metrics")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_connections")
            for each in idle:
                each.close()
            async with asyncio.timeout(8):
                while (await client.get("/healthz")).status_code != 200:
                    pass
            assert (await client.get("/metrics")).status_code == 200
        await kernel.shutdown()

    run(main(), 20)


def test_a_part_of_the_files_stays_for_the_node_itself() -> None:
    assert room_for(1024, 1, 1_000_000) == 1024
    assert room_for(1024, 1, 1024) == 1024 - RESERVED
    assert room_for(1024, 2, 1024) == (1024 - RESERVED) // 2
    assert room_for(1024, 2, 100) == FEWEST_CONNECTIONS
    assert room_for(5, 1, 100) == 5


def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    now = (1024, 524_288)

    def set_limit(_: int, limits: tuple[int, int]) -> None:
        nonlocal now
        now = limits

    def get_limit(_: int) -> tuple[int, int]:
        return now

    monkeypatch.setattr(resource, "getrlimit", get_limit)
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    assert raise_open_files() == 524_288
    assert now == (524_288, 524_288)
    now = (2_000_000, 2_000_000)
    assert raise_open_files() == 2_000_000
    assert now == (2_000_000, 2_000_000)


@pytest.mark.parametrize(("hard", "soft"), [(resource.RLIM_INFINITY, 1), (4096, 1), (0, 0)])
def test_a_crash_gives_the_memory_to_no_file_and_to_no_collector(
    hard: int, soft: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    def get_limit(_: int) -> tuple[int, int]:
        return (hard, hard)

    def set_limit(*limits: object) -> None:
        told.append(limits)

    monkeypatch.setattr(resource, "getrlimit", get_limit)
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    forbid_core_files()
    assert told == [(resource.RLIMIT_CORE, (soft, hard))]
