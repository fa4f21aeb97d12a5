"""A key that is missing or wrong: the real SDKs, a real node, a server that speaks the vendors' protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from runtime.cli import exits
from tests.bad_input.live import HEAD, SECRET, LiveNode
from tests.node_for_tests import node_home
from tests.support import run
from tests.wire import WireServer

pytestmark = pytest.mark.daemon
VARIABLE = {"claude": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY"}
VENDOR = {"claude": "anthropic", "gemini": "gemini"}


def ask(kind: str) -> str:
    return f"{HEAD}  - {{name: a, type: {kind}, prompt: hello, on_error: fail}}\n"


def with_node(keys: dict[str, str], main: Callable[[LiveNode], Awaitable[None]]) -> WireServer:
    async def play() -> WireServer:
        with node_home() as evopipe:
            async with WireServer("another-key") as server:
                evopipe.env |= {
                    **keys,
                    "EVOPIPE_PROVIDERS__ANTHROPIC__BASE_URL": server.url,
                    "EVOPIPE_PROVIDERS__GEMINI__BASE_URL": server.url,
                    "EVOPIPE_ROUTES__CLAUDE": "anthropic",
                    "EVOPIPE_ROUTES__GEMINI": "gemini",
                    "EVOPIPE_STATE_DIR": str(evopipe.home / "state"),
                }
                up = await asyncio.to_thread(evopipe, "up")
                assert up.returncode == exits.OK, up.stderr
                node = await asyncio.to_thread(LiveNode, evopipe)
                try:
                    await main(node)
                    await asyncio.to_thread(node.assert_well)
                    assert SECRET not in node.log()
                    assert_nothing_on_disk_holds_the_key(node)
                finally:
                    node.close()
            return server

    return run(play(), 60)


def assert_nothing_on_disk_holds_the_key(node: LiveNode) -> None:
    for file in (node.evopipe.home / "state").rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file


def test_a_rejected_key_is_told_with_its_variable_and_not_with_the_key() -> None:
    async def main(node: LiveNode) -> None:
        for kind, variable in VARIABLE.items():
            done = await asyncio.to_thread(node.run, ask(kind))
            assert done.body["status"] == "failed"
            error = done.body["error"]
            assert (error["code"], error["attempts"]) == ("key_rejected", 1)
            assert variable in error["message"]
            events = await asyncio.to_thread(node.client.get, f"/v1/runs/{done.body['run_id']}/events")
            assert SECRET not in events.text

    with_node(dict.fromkeys(VARIABLE.values(), SECRET), main)


def test_a_missing_key_is_told_with_the_variable_to_set() -> None:
    async def main(node: LiveNode) -> None:
        status = (await asyncio.to_thread(node.get, "/v1/status")).body
        for kind, variable in VARIABLE.items():
            assert variable in status["providers"][VENDOR[kind]]
            done = await asyncio.to_thread(node.run, ask(kind))
            assert done.body["status"] == "failed"
            assert variable in done.body["error"]["message"]

    assert with_node({}, main).connections == 0
