"""The socket as a client sees it: real HTTP over a real Unix socket, fake actors behind."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actors.killswitch import TriggerSwitch
from actors.runs import RunEvent, RunEventKind
from pipelines.guardrails.kill_switch import Switch
from runtime.gateway.access import user_name
from runtime.gateway.server import SocketBusyError, bind_private
from tests.runtime.gateway_fakes import PIPELINE, Gateway, gateway
from tests.support import run

KINDS: tuple[RunEventKind, ...] = ("run_accepted", "run_started", "run_succeeded")


def body(**more: Any) -> dict[str, Any]:
    return {"definition": PIPELINE, **more}


async def raw(path: Path, data: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(data)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()


async def next_line(lines: Any, beginning: str) -> str:
    async for line in lines:
        if line.startswith(beginning):
            return line
    raise AssertionError(f"no line beginning with {beginning}")


def test_the_socket_and_its_directory_are_the_owners_alone() -> None:
    async def main() -> None:
        async with gateway() as g:
            assert stat.S_IMODE(g.path.stat().st_mode) == 0o600
            assert (await g.client.get("/v1/status")).json()["pid"] == os.getpid()

    run(main())


def test_a_submitted_run_is_accepted_with_an_id() -> None:
    async def main() -> None:
        async with gateway() as g:
            definition = PIPELINE + "inputs: {topic: {type: string}}\n"
            answer = await g.client.post(
                "/v1/runs", json={"definition": definition, "inputs": {"topic": "x"}, "idempotency_key": "k"}
            )
            assert answer.status_code == 202, answer.text
            (request,) = g.seen.submitted
            assert answer.json()["run_id"] == request.run_id
            assert request.inputs == {"topic": "x"}
            assert request.idempotency_key == "k"
            assert Path(request.workspace).is_dir()

    run(main())


def test_inputs_that_do_not_fit_are_refused_with_the_nearest_name() -> None:
    async def main() -> None:
        async with gateway() as g:
            definition = PIPELINE + "inputs: {topic: {type: string}}\n"
            answer = await g.client.post("/v1/runs", json={"definition": definition, "inputs": {"topik": "x"}})
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_inputs")
            assert "did you mean 'topic'" in answer.text
            assert g.seen.submitted == []

    run(main())


def test_wait_answers_with_the_outcome() -> None:
    async def main() -> None:
        async with gateway() as g:
            answer = await g.client.post("/v1/runs", json=body(wait=True))
            assert answer.status_code == 200
            assert answer.json()["status"] == "succeeded"

    run(main())


def test_an_invalid_pipeline_is_answered_with_its_diagnostics() -> None:
    async def main() -> None:
        async with gateway() as g:
            answer = await g.client.post("/v1/runs", json={"definition": "steps: []\n"})
            assert answer.status_code == 422
            assert answer.json()["error"]["code"] == "invalid_pipeline"
            assert answer.json()["error"]["details"]
            assert g.seen.submitted == []

    run(main())


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        (b"\xff\xfe", 400, "bad_json"),
        (b"[1]", 400, "bad_json"),
        (b"[" * 100_000, 400, "bad_json"),
        (b'{"definition": 3}', 422, "invalid_request"),
        (b'{"definition": "x", "definitoin": "y"}', 422, "invalid_request"),
    ],
)
def test_a_bad_body_gets_a_clear_answer_and_no_trace(content: bytes, status: int, code: str) -> None:
    async def main() -> None:
        async with gateway() as g:
            answer = await g.client.post("/v1/runs", content=content)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
            assert "Traceback" not in answer.text
            assert (await g.client.get("/v1/status")).status_code == 200

    run(main())


def test_an_unknown_key_is_answered_with_the_nearest_name() -> None:
    async def main() -> None:
        async with gateway() as g:
            answer = await g.client.post("/v1/runs", json=body(imputs={}))
            assert "did you mean 'inputs'" in answer.text

    run(main())


def test_a_body_past_the_limit_is_refused_whether_declared_or_streamed() -> None:
    async def main() -> None:
        def small(env: dict[str, str]) -> None:
            env["EVOPIPE_LIMITS__REQUEST_BYTES"] = "2048"

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(8):
                yield b"x" * 1024

        async with gateway(change=small) as g:
            declared = await g.client.post("/v1/runs", content=b"x" * 4096)
            streamed = await g.client.post("/v1/runs", content=chunks())
            for answer in (declared, streamed):
                assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
            assert (await g.client.get("/v1/status")).status_code == 200

    run(main())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"this is no HTTP\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /v1/status HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 70_000, b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
    ],
)
def test_malformed_http_is_answered_and_the_connection_closed(data: bytes, status: bytes) -> None:
    async def main() -> None:
        async with gateway() as g:
            answer = await raw(g.path, data)
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert b'"error"' in answer
            assert (await g.client.get("/v1/status")).status_code == 200

    run(main())


def test_a_silent_connection_is_ended() -> None:
    async def main() -> None:
        def hurry(env: dict[str, str]) -> None:
            env["EVOPIPE_LIMITS__REQUEST_TIMEOUT_S"] = "0.05"

        async with gateway(change=hurry) as g:
            assert (await raw(g.path, b"GET /v1/st")).startswith(b"HTTP/1.1 408")

    run(main())


def test_a_body_that_never_ends_is_answered_408() -> None:
    async def main() -> None:
        def hurry(env: dict[str, str]) -> None:
            env["EVOPIPE_LIMITS__REQUEST_TIMEOUT_S"] = "0.1"

        async with gateway(change=hurry) as g:
            head = b"POST /v1/validate HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{"
            assert (await raw(g.path, head)).startswith(b"HTTP/1.1 408")

    run(main())


def test_another_user_is_refused_and_root_is_not() -> None:
    async def main() -> None:
        uids = iter([os.getuid() + 4242, 0])
        async with gateway(uid_of=lambda _connection: next(uids)) as g:
            request = b"GET /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            assert (await raw(g.path, request)).startswith(b"HTTP/1.1 403")
            assert (await raw(g.path, request)).startswith(b"HTTP/1.1 200")

    run(main())


def test_an_unknown_path_and_a_wrong_method_are_told_in_json() -> None:
    async def main() -> None:
        async with gateway() as g:
            assert (await g.client.get("/v2")).json()["error"]["code"] == "not_found"
            assert (await g.client.delete("/v1/runs")).json()["error"]["code"] == "method_not_allowed"
            assert (await g.client.get("/v1/runs/none")).json()["error"]["code"] == "no_such_run"

    run(main())


def test_an_actor_that_crashes_under_a_request_costs_that_request_only() -> None:
    async def main() -> None:
        async with gateway() as g:
            g.seen.crash_on_list = True
            answer = await g.client.get("/v1/runs")
            assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
            assert "secret" not in answer.text
            # Nobody restarts the fake: from now on it is missing, which is another, temporary, answer.
            assert (await g.client.get("/v1/runs")).json()["error"]["code"] == "unavailable"
            assert (await g.client.get("/v1/status")).status_code == 200

    run(main())


def test_the_stream_tells_what_was_then_what_comes_and_ends_with_the_run() -> None:
    async def main() -> None:
        async with gateway() as g:
            run_id = await submit(g)
            g.publish(run_id, "run_accepted", "run_started")
            async with g.client.stream("GET", f"/v1/runs/{run_id}/events") as answer:
                lines = answer.aiter_lines()
                assert await next_line(lines, "event:") == "event: run_accepted"
                assert await next_line(lines, "event:") == "event: run_started"
                g.publish(run_id, "run_succeeded")
                assert await next_line(lines, "event:") == "event: run_succeeded"
                assert json.loads((await next_line(lines, "data:")).removeprefix("data: "))["run_id"] == run_id
                assert [line async for line in lines if line] == []

    run(main())


def test_events_from_before_this_gateway_come_from_the_runs_own_keeper() -> None:
    async def main() -> None:
        async with gateway() as g:
            run_id = await submit(g)
            g.seen.kept = [RunEvent(run_id, seq, 1.0, kind) for seq, kind in enumerate(KINDS[:2], start=1)]
            g.kernel.events.publish(RunEvent(run_id, 3, 1.0, "run_succeeded"))
            answer = await g.client.get(f"/v1/runs/{run_id}/events")
            events = [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event:")]
            assert events == [*KINDS[:2], "run_succeeded"]

    run(main())


def test_events_that_nobody_keeps_any_more_show_as_a_gap() -> None:
    async def main() -> None:
        async with gateway() as g:
            run_id = await submit(g)
            g.kernel.events.publish(RunEvent(run_id, 4, 1.0, "run_succeeded"))
            answer = await g.client.get(f"/v1/runs/{run_id}/events")
            assert '"missed":3' in answer.text

    run(main())


def test_last_event_id_skips_what_the_client_has_seen() -> None:
    async def main() -> None:
        async with gateway() as g:
            run_id = await submit(g)
            g.publish(run_id, "run_accepted", "run_started", "run_succeeded")
            answer = await g.client.get(f"/v1/runs/{run_id}/events", headers={"last-event-id": "2"})
            assert [line for line in answer.text.splitlines() if line.startswith("event:")] == ["event: run_succeeded"]

    run(main())


def test_the_stream_of_a_run_that_ended_before_the_gateway_began_ends_too() -> None:
    async def main() -> None:
        async with gateway() as g:
            g.seen.status["old"] = "failed"
            answer = await g.client.get("/v1/runs/old/events")
            assert "event: run_failed" in answer.text

    run(main())


def test_a_client_that_leaves_mid_stream_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with gateway() as g:
            run_id = await submit(g)
            before = len(asyncio.all_tasks())
            reader, writer = await asyncio.open_unix_connection(str(g.path))
            writer.write(f"GET /v1/runs/{run_id}/events HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            await reader.readuntil(b": evopipe")
            writer.transport.abort()
            async with asyncio.timeout(5):
                while len(asyncio.all_tasks()) > before:
                    await asyncio.sleep(0.005)
            g.publish(run_id, "run_accepted", "run_succeeded")
            assert (await g.client.get(f"/v1/runs/{run_id}/events")).text.count("event:") == 2

    run(main())


def test_a_run_is_refused_while_its_kill_switch_is_triggered() -> None:
    async def main() -> None:
        async with gateway() as g:
            g.seen.triggered = (switch("pipeline", "small"),)
            answer = await g.client.post("/v1/runs", json=body())
            assert (answer.status_code, answer.json()["error"]["code"]) == (423, "kill_switch")
            g.seen.triggered = (switch("pipeline", "other"),)
            assert (await g.client.post("/v1/runs", json=body())).status_code == 202

    run(main())


def switch(level: Any, name: str) -> Switch:
    return Switch(level=level, name=name, reason="a test", who="me", at=1.0)


async def submit(g: Gateway) -> str:
    return (await g.client.post("/v1/runs", json=body())).json()["run_id"]


def test_a_switch_request_must_fit_its_level() -> None:
    async def main() -> None:
        async with gateway() as g:
            bad = [{"level": "node", "name": "x"}, {"level": "provider"}, {"level": "planet", "name": "x"}]
            for facts in bad:
                answer = await g.client.post("/v1/kill-switches", json={**facts, "reason": "r"})
                assert answer.status_code == 422
            good = await g.client.post("/v1/kill-switches", json={"level": "node", "reason": "r"})
            assert good.status_code == 200
            me = user_name(os.getuid())
            assert g.seen.switches == [TriggerSwitch("node", "", "r", me)]
            claimed = await g.client.post("/v1/kill-switches", json={"level": "evolution", "reason": "r", "who": "ada"})
            assert claimed.status_code == 200
            assert g.seen.switches[-1].who == f"ada (through {me})"
            unsaid = await g.client.post("/v1/kill-switches/arm", json={"level": "node", "reason": " "})
            assert unsaid.status_code == 422

    run(main())


def test_an_actor_can_be_killed_by_name_and_only_a_live_one() -> None:
    async def main() -> None:
        async with gateway() as g:
            assert (await g.client.post("/v1/actors/runs/kill")).json()["killed"] == "runs"
            assert (await g.client.post("/v1/actors/runs/kill")).status_code == 404

    run(main())


def test_ps_is_the_tree_laid_flat() -> None:
    async def main() -> None:
        async with gateway() as g:
            actors = (await g.client.get("/v1/ps")).json()["actors"]
            assert [actor["path"] for actor in actors] == ["/node", "/node/runs"]

    run(main())


def test_shutdown_drains_first_and_ends_at_the_second_request() -> None:
    async def main() -> None:
        async with gateway() as g:
            assert (await g.client.post("/v1/shutdown", json={})).json()["draining"] is True
            assert g.node.shutdown.draining.is_set()
            refused = await g.client.post("/v1/runs", json=body())
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
            assert (await g.client.post("/v1/shutdown", json={})).json()["draining"] is False

    run(main())


def test_the_openapi_document_covers_every_path() -> None:
    async def main() -> None:
        async with gateway() as g:
            document = (await g.client.get("/openapi.json")).json()
            assert document["openapi"] == "3.1.0"
            assert set(document["paths"]["/v1/runs"]) == {"get", "post"}
            assert "SubmitBody" in document["components"]["schemas"]

    run(main())


def test_logs_follow_what_is_written_later() -> None:
    async def main() -> None:
        async with gateway() as g:
            log = g.node.settings.log_file
            log.parent.mkdir(parents=True)
            log.write_text("one\ntwo\n", encoding="utf-8")
            async with g.client.stream("GET", "/v1/logs?tail=1&follow=yes") as answer:
                lines = answer.aiter_lines()
                assert await anext(lines) == "two"
                with log.open("a", encoding="utf-8") as file:
                    file.write("three\n")
                assert await anext(lines) == "three"

    run(main())


def test_a_killed_socket_server_leaves_no_socket_and_can_be_started_again() -> None:
    async def main() -> None:
        async with gateway() as g:
            from runtime.gateway import SocketServer

            g.server.kill()
            await g.server.wait_exit()
            async with asyncio.timeout(5):
                while g.path.exists():
                    await asyncio.sleep(0.005)
            await g.kernel.spawn(SocketServer, g.node, g.path)
            assert (await g.client.get("/v1/status")).status_code == 200

    run(main())


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with bind_private(path) as live:
        live.listen(1)
        with pytest.raises(SocketBusyError):
            bind_private(path)


def test_a_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious", encoding="utf-8")
    with pytest.raises(FileExistsError):
        bind_private(path)
    assert path.read_text(encoding="utf-8") == "precious"
