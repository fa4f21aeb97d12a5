"""A real node in front of a server that speaks the vendors' protocols: killed, stopped and cut off in the middle."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.cli import exits
from runtime.client import NodeClient
from tests.node_for_tests import Command, node_home, wait_gone
from tests.support import run
from tests.wire import Answered, Silent, WireServer

pytestmark = pytest.mark.daemon
KEY = "a-key-for-tests"
STATE = "state"
PIPELINE = """\
name: two_questions
steps:
  - {name: first, type: claude, prompt: "First question", on_error: retry}
  - {name: second, type: claude, prompt: "Second after {{steps.first.text}}", on_error: retry}
"""


class Stage:
    """A node whose `claude` steps go to `server`, and which is busy with the second question of a run."""

    def __init__(self, evopipe: Command, server: WireServer) -> None:
        self.evopipe = evopipe
        self.server = server
        self.run_id = ""

    @property
    def trigger_directory(self) -> Path:
        return self.evopipe.home / STATE / "kill"

    async def tell(self, *words: str) -> str:
        """A command that must succeed; what it printed."""
        done = await asyncio.to_thread(self.evopipe, *words)
        assert done.returncode == exits.OK, done.stderr
        return done.stdout.strip()

    async def pid(self) -> int:
        return int((await asyncio.to_thread(self.evopipe.status))["pid"])

    async def seen(self, kind: str) -> dict[str, Any]:
        """The run's event of that kind, once it has come. Looks at all events from the first one on."""

        def read() -> dict[str, Any]:
            with NodeClient(self.evopipe.socket, timeout_s=15) as client:
                for each, data in client.events(self.run_id):
                    if each == kind:
                        return data
            raise AssertionError(f"the run ended without {kind}")

        return await asyncio.to_thread(read)

    def asked(self) -> list[str]:
        return [call.prompt.split()[0] for call in self.server.calls]


def with_run_in_flight(main: Callable[[Stage], Awaitable[None]]) -> None:
    async def play() -> None:
        with node_home() as evopipe:
            async with WireServer(KEY, [Answered("An answer"), Silent()]) as server:
                evopipe.env |= {
                    "ANTHROPIC_API_KEY": KEY,
                    "EVOPIPE_PROVIDERS__ANTHROPIC__BASE_URL": server.url,
                    "EVOPIPE_STATE_DIR": str(evopipe.home / STATE),
                }
                (evopipe.home / "p.yaml").write_text(PIPELINE, encoding="utf-8")
                stage = Stage(evopipe, server)
                await stage.tell("up")
                stage.run_id = await stage.tell("run", "p.yaml", "--detach")
                while len(server.calls) < 2:
                    server.arrived.clear()
                    await asyncio.wait_for(server.arrived.wait(), 10)
                await main(stage)
                assert "An answer" in await stage.tell("follow", stage.run_id)

    run(play(), 60)


def test_a_run_cut_off_by_kill_9_goes_on_and_asks_again_only_what_was_open_under_the_same_key() -> None:
    async def main(stage: Stage) -> None:
        pid = await stage.pid()
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(wait_gone, pid)
        await stage.tell("up")
        await stage.seen("run_succeeded")
        assert stage.asked() == ["First", "Second", "Second"]
        keys = [call.headers.get("idempotency-key") for call in stage.server.calls]
        assert keys[0] and keys[1] and keys[0] != keys[1] == keys[2]

    with_run_in_flight(main)


def test_a_killed_connection_is_replaced_and_the_question_asked_again() -> None:
    async def main(stage: Stage) -> None:
        for number in range(1, 5):
            await stage.tell("kill-actor", f"connection.anthropic.{number}")
        await stage.seen("step_retrying")
        await stage.seen("run_succeeded")
        assert stage.asked() == ["First", "Second", "Second"]

    with_run_in_flight(main)


@pytest.mark.parametrize("way", ["command", "file", "signal", "provider"])
def test_a_kill_switch_cuts_off_what_is_in_flight_and_the_run_waits_until_it_is_armed(way: str) -> None:
    async def main(stage: Stage) -> None:
        level = {"command": ("pipeline", "two_questions"), "provider": ("provider", "anthropic")}.get(way, ("node",))
        if way == "file":
            (stage.trigger_directory / "node").touch()
        elif way == "signal":
            os.kill(await stage.pid(), signal.SIGUSR1)
        else:
            await stage.tell("kill", *level, "--reason", "a bad answer")
        await asyncio.wait_for(stage.server.gone.wait(), 5)
        paused = await stage.seen("run_paused")
        assert level[0] in str(paused) and (way in {"file", "signal"} or "a bad answer" in str(paused))
        if way == "file":
            (stage.trigger_directory / "node").unlink()
        await stage.tell("arm", *level, "--reason", "looked at")
        await stage.seen("run_succeeded")
        assert stage.asked() == ["First", "Second", "Second"]

    with_run_in_flight(main)
