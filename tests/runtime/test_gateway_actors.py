"""One actor over the socket: inspect, suspend, resume, trace."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actors_for_tests import Echo
from tests.runtime.gateway_fakes import gateway
from tests.support import run


def test_an_actor_is_shown_by_name_and_by_label() -> None:
    async def main() -> None:
        async with gateway() as g:
            unnamed = await g.kernel.spawn(Echo)
            report = (await g.client.get("/v1/actors/runs")).json()
            assert (report["label"], report["actor_class"], report["status"]) == ("runs", "FakeRuns", "running")
            assert (report["trace"], report["restart_history"]) == (None, [])
            label = str(unnamed).replace("#", "%23")
            assert (await g.client.get(f"/v1/actors/{label}")).json()["id"] == int(str(unnamed).rpartition("#")[2])

    run(main())


def test_an_actor_is_suspended_shown_and_resumed() -> None:
    async def main() -> None:
        async with gateway() as g:
            ref = await g.kernel.spawn(Echo, name="a/b")
            assert (await g.client.post("/v1/actors/a/b/suspend", json={})).json()["status"] == "suspended"
            ref.tell("waits")
            assert (await g.client.get("/v1/actors/a/b")).json()["mailbox"] == 1
            assert (await g.client.post("/v1/actors/a/b/resume", json={})).json()["status"] == "running"
            assert await ref.call(1) == 1

    run(main())


def test_the_gateway_itself_answers_while_it_is_suspended() -> None:
    async def main() -> None:
        async with gateway() as g:
            assert (await g.client.post("/v1/actors/socket_server/suspend", json={})).status_code == 200
            assert (await g.client.post("/v1/actors/socket_server/resume", json={})).json()["suspended"] is False

    run(main())


def test_a_trace_is_begun_read_and_ended() -> None:
    async def main() -> None:
        async with gateway() as g:
            ref = await g.kernel.spawn(Echo, name="it")
            assert (await g.client.post("/v1/actors/it/trace", json={"keep": 3})).json()["trace"] == []
            await ref.call("a secret text")
            answer = await g.client.get("/v1/actors/it")
            (traced,) = answer.json()["trace"]
            assert (traced["summary"], traced["came"], traced["outcome"]) == ("str[13]", "called", "done")
            assert "secret" not in answer.text
            assert (await g.client.post("/v1/actors/it/trace", json={"keep": 0})).json()["trace"] is None

    run(main())


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "nobody", None, 404, "no_such_actor"),
        ("POST", "nobody/suspend", {}, 404, "no_such_actor"),
        ("POST", "nobody/trace", {}, 404, "no_such_actor"),
        ("POST", "runs/suspend", {"now": True}, 422, "invalid_request"),
        ("POST", "runs/resume", None, 400, "bad_json"),
        ("POST", "runs/trace", {"keep": 1_001}, 422, "invalid_request"),
        ("POST", "runs/trace", {"keep": -1}, 422, "invalid_request"),
        ("POST", "runs/trace", {"kep": 1}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_done_is_said(method: str, path: str, body: Any, status: int, code: str) -> None:
    async def main() -> None:
        async with gateway() as g:
            answer = await g.client.request(method, f"/v1/actors/{path}", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
            assert (await g.client.get("/v1/actors/runs")).json()["status"] == "running"

    run(main())
