"""Who may do what: every route against every role, over the real socket, and what a viewer gets to see."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from starlette.routing import Route

from actors.audit import AuditBook
from actors.kernel import Kernel, StartError
from actors.runs import RunEvent
from runtime.gateway import EventHistory, build_app
from runtime.gateway.access import Access, AccessError
from runtime.gateway.content import without_content
from runtime.gateway.guard import Guard
from runtime.gateway.peer import peer_gids
from runtime.gateway.rates import Rates
from runtime.gateway.roles import NEEDED, Role
from runtime.gateway.server import bind_private
from runtime.settings import AccessSettings, load_settings
from tests.runtime.gateway_fakes import PIPELINE, FakeNode, Gateway, gateway
from tests.support import run

OPERATOR, VIEWER, STRANGER = 70_001, 70_002, 70_003
CANARY = "canary-in-an-answer"


def with_roles(directory: Path, **more: Any) -> Callable[[dict[str, str]], None]:
    """Settings that give two users roles."""
    file = directory / "access.yaml"
    access = {"operators": [str(OPERATOR)], "viewers": [str(VIEWER)], **more}
    file.write_text(json.dumps({"access": access}), encoding="utf-8")
    return lambda env: env.update(EVOPIPE_CONFIG=str(file))


def as_users(directory: Path, *uids: int, **more: Any) -> Any:
    """A gateway whose connections come from these users, the last one's last."""
    coming = list(uids)
    return gateway(
        uid_of=lambda _: coming.pop(0) if len(coming) > 1 else coming[0], change=with_roles(directory, **more)
    )


def routes_of_the_app(g: Gateway) -> list[tuple[str, str]]:
    access = Access(g.node.settings.access, os.getuid())
    guard = Guard(access, 1.0, AuditBook(), now=lambda: 0.0, wall=lambda: 0.0)
    app = build_app(g.node, EventHistory(), asyncio.Event(), guard)
    return [
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or ())
        if method != "HEAD"
    ]


def test_every_route_has_a_role_and_every_role_a_route(tmp_path: Path) -> None:
    async def main() -> None:
        async with as_users(tmp_path, os.getuid()) as g:
            assert set(routes_of_the_app(g)) == set(NEEDED)

    run(main())


@pytest.mark.parametrize(("uid", "role"), [(OPERATOR, Role.OPERATOR), (VIEWER, Role.VIEWER)])
def test_each_route_refuses_who_has_less_than_it_needs_and_no_one_else(uid: int, role: Role, tmp_path: Path) -> None:
    async def main() -> None:
        async with as_users(tmp_path, uid) as g:
            for (method, path), needed in NEEDED.items():
                target = (
                    path.replace("{name:path}", "nobody").replace("{run_id}", "none").replace("{evolution_id}", "e")
                )
                answer = await g.client.request(method, target, content=b"[]" if method == "POST" else None)
                refused = answer.status_code == 403 and answer.json()["error"]["code"] == "role_needed"
                assert refused == (role < needed), (method, path, answer.text)
                assert answer.status_code != 500
            assert not g.node.shutdown.draining.is_set()
            assert g.seen.submitted == []

    run(main())


def test_a_stranger_gets_no_answer_to_anything(tmp_path: Path) -> None:
    async def main() -> None:
        async with as_users(tmp_path, STRANGER) as g:
            for path in ("/v1/status", "/openapi.json", "/nothing"):
                answer = await g.client.get(path)
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")

    run(main())


def test_refusals_are_audited_and_cannot_flood_the_log(tmp_path: Path) -> None:
    async def main() -> None:
        async with as_users(tmp_path, VIEWER) as g:
            for _ in range(30):
                await g.client.post("/v1/shutdown", json={})
            noted = [item.decision for item in g.node.audit.waiting]
            assert {(made.action, made.who, made.subject) for made in noted} == {
                ("access.refused", f"uid:{VIEWER}", "POST /v1/shutdown")
            }
            assert 1 <= len(noted) <= 11

    run(main())


def test_a_role_comes_from_a_group_too_and_the_higher_one_counts() -> None:
    me, mine = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    settings = AccessSettings(
        operators=(f"group:{mine}", "70001"),
        viewers=(me, "70001", "70002"),
        viewers_see_content=False,
        socket_group=None,
    )
    access = Access(settings, own_uid=4_711)
    assert access.role_of(4_711) is Role.OWNER
    assert access.role_of(0) is Role.OWNER
    assert access.role_of(70_009, {os.getgid()}) is Role.OPERATOR
    assert access.role_of(70_001) is Role.OPERATOR
    assert access.role_of(70_002) is Role.VIEWER
    assert access.role_of(70_009, {70_000}) is None
    assert access.role_of(None) is Role.OWNER


def test_where_a_group_may_connect_a_peer_without_a_name_is_nobody() -> None:
    settings = AccessSettings(operators=(), viewers=(), viewers_see_content=False, socket_group=str(os.getgid()))
    assert Access(settings, own_uid=os.getuid()).role_of(None) is None


@pytest.mark.parametrize("name", ["no-such-user-here", "group:no-such-group-here"])
def test_names_that_do_not_exist_are_told_before_anybody_is_let_in(name: str) -> None:
    settings = AccessSettings(operators=(name,), viewers=(), viewers_see_content=False, socket_group=None)
    with pytest.raises(AccessError, match=r"access\.operators: there is no .*Fix: "):
        Access(settings, os.getuid())


def test_the_groups_of_a_peer_are_those_of_its_process() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_gids(ours) >= {os.getgid(), *os.getgroups()}


def test_the_socket_is_open_to_a_group_only_when_that_is_configured(tmp_path: Path) -> None:
    with bind_private(tmp_path / "own"), bind_private(tmp_path / "shared", os.getgid()):
        assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o660
        assert (tmp_path / "shared").stat().st_gid == os.getgid()


def test_a_socket_whose_settings_name_nobody_is_not_opened(tmp_path: Path) -> None:
    async def main() -> None:
        env = {"HOME": str(tmp_path), "EVOPIPE_SOCKET_PATH": str(tmp_path / "s")}
        with_roles(tmp_path, operators=["no-such-user-here"])(env)
        kernel = Kernel()
        from runtime.gateway import SocketServer

        with pytest.raises(StartError, match="no-such-user-here"):
            await kernel.spawn(SocketServer, FakeNode(kernel, load_settings(None, env)), tmp_path / "s")
        assert not (tmp_path / "s").exists()
        await kernel.shutdown()

    run(main())


def test_a_viewer_sees_how_a_run_stands_and_none_of_its_content(tmp_path: Path) -> None:
    async def main(more: dict[str, Any]) -> str:
        async with as_users(tmp_path, os.getuid(), VIEWER, **more) as g:
            run_id = (await g.client.post("/v1/runs", json={"definition": PIPELINE})).json()["run_id"]
            error: dict[str, JsonValue] = {"code": "refused", "message": CANARY, "step": "a"}
            g.kernel.events.publish(RunEvent(run_id, 1, 1.0, "step_failed", "a", {"type": "claude", "error": error}))
            g.kernel.events.publish(RunEvent(run_id, 2, 1.0, "run_failed", None, {"pipeline": "small", "error": error}))
            await g.client.aclose()
            seen: list[str] = []
            async with new_client(g) as viewer:
                for path in (f"/v1/runs/{run_id}", f"/v1/runs/{run_id}/outcome", f"/v1/runs/{run_id}/events"):
                    answer = await viewer.get(path)
                    assert answer.status_code == 200, answer.text
                    seen.append(answer.text)
            return "".join(seen)

    withheld = run(main({}))
    assert CANARY not in withheld
    assert ('"code":"refused"' in withheld, '"content":"withheld"' in withheld) == (True, True)
    assert CANARY in run(main({"viewers_see_content": True}))


def new_client(g: Gateway) -> Any:
    import httpx

    transport = httpx.AsyncHTTPTransport(uds=str(g.path))
    return httpx.AsyncClient(transport=transport, base_url="http://evopipe", timeout=8)


def test_conversations_and_genomes_are_not_for_viewers(tmp_path: Path) -> None:
    async def main() -> None:
        async with as_users(tmp_path, VIEWER) as g:
            for path in (
                "/v1/sessions/x",
                "/v1/evolutions/x",
                "/v1/runs/x/outputs",
                "/v1/runs/x/results/s",
                "/v1/pipelines/x/1",
            ):
                answer = await g.client.get(path)
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, "content_withheld")

    run(main())


def test_what_is_not_known_to_be_harmless_is_taken_out() -> None:
    event = {"kind": "step_failed", "data": {"type": "claude", "prompt": CANARY, "error": CANARY, "attempt": 2}}
    run_facts = {
        "run_id": "r",
        "results": {"a": CANARY},
        "outputs": CANARY,
        "error": {"message": CANARY},
        "events": [event],
    }
    assert CANARY not in json.dumps(without_content([run_facts, event]))


def test_an_operator_s_files_stay_inside_the_node_s_workspace(tmp_path: Path) -> None:
    async def main() -> None:
        async with as_users(tmp_path, OPERATOR) as g:
            workspace = g.node.settings.workspace
            inside = await g.client.post(
                "/v1/runs", json={"definition": PIPELINE, "workspace": "workspace", "base_dir": str(tmp_path)}
            )
            assert inside.status_code == 202, inside.text
            assert Path(inside.json()["workspace"]).is_relative_to(workspace.resolve())
            (workspace / "way-out").symlink_to(tmp_path)
            for named in (str(tmp_path / "elsewhere"), "../elsewhere", "way-out"):
                answer = await g.client.post("/v1/runs", json={"definition": PIPELINE, "workspace": named})
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, "workspace_not_yours"), named
            assert not (tmp_path / "elsewhere").exists()
            assert len(g.seen.submitted) == 1

    run(main())


def test_a_name_that_somebody_gives_himself_stands_beside_the_one_that_is_known(tmp_path: Path) -> None:
    async def main() -> None:
        async with as_users(tmp_path, OPERATOR) as g:
            await g.client.post("/v1/kill-switches", json={"level": "node", "reason": "r", "who": "root"})
            assert [message.who for message in g.seen.switches] == [f"root (through uid:{OPERATOR})"]

    run(main())


def test_who_asks_too_fast_waits_as_long_as_it_is_told_and_can_always_kill(tmp_path: Path) -> None:
    async def main() -> None:
        def slow(env: dict[str, str]) -> None:
            env["EVOPIPE_LIMITS__REQUESTS_PER_S"] = "3"

        async with gateway(change=slow) as g:
            answers = [await g.client.get("/v1/ps") for _ in range(8)]
            refused = [answer for answer in answers if answer.status_code == 429]
            assert len(refused) >= 4
            assert int(refused[0].headers["retry-after"]) >= 1
            assert refused[0].json()["error"]["code"] == "too_many_requests"
            for _ in range(8):
                kill = await g.client.post("/v1/kill-switches", json={"level": "node", "reason": "r"})
                assert kill.status_code == 200

    run(main())


def test_a_bucket_fills_with_time_and_never_beyond_its_burst() -> None:
    now = 0.0
    rates = Rates(2.0, 4.0, lambda: now)
    assert [rates.take("a") for _ in range(4)] == [0.0] * 4
    assert rates.take("a") == pytest.approx(0.5)
    assert rates.take("b") == 0.0
    now = 0.5
    assert rates.take("a") == 0.0
    now = 100.0
    assert [rates.take("a") > 0 for _ in range(5)] == [False] * 4 + [True]
