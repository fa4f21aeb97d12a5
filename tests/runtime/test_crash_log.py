"""The node's log of crashes: each once, structured, without keys or messages."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from actors.kernel import Actor, ChildSpec, Kernel, ManualClock, StartChild
from runtime.log_events import log_lifecycle
from supervisors import DynamicSupervisor, Supervisor
from tests.actors_for_tests import Boom, Echo, inside, settle, until
from tests.logs_for_tests import logging_into
from tests.support import run

PROMPT = "canary prompt of a person"
KEY = "canary-0123-key-without-a-known-form"
LOOKS_LIKE_A_KEY = "sk-ant-canary0123456789"


class Leaky(Actor):
    """Fails with a text that has two keys in it, over a message that has a prompt and a key."""

    def on_receive(self, message: Any) -> Any:
        wrapped = Boom(f"401 for {KEY} ({LOOKS_LIKE_A_KEY})")
        raise Boom(f"refused: {KEY}") from wrapped


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_a_crash_under_a_supervisor_is_one_line_with_its_text_and_one_for_the_restart() -> None:
    async def main() -> None:
        kernel = Kernel()
        with capture_logs() as lines:
            end = log_lifecycle(kernel.events)
            await kernel.spawn(Supervisor, [ChildSpec("w", Echo, name="w")], name="top")
            kernel.ref("w").tell(Boom("the only text"))
            await settle()
            end()
        assert [(line["event"], line["log_level"]) for line in lines] == [
            ("actor_crashed", "error"),
            ("child_restarted", "warning"),
        ]
        crash, restart = lines
        assert (crash["actor"], crash["ancestors"], crash["restarts"]) == ("w", ["top"], 0)
        assert (crash["reason"], crash["last_message"]) == ("crashed: Boom: the only text", "Boom")
        assert restart["reason"] == "crashed: Boom"

    run(main())


def test_no_key_and_no_message_gets_into_the_log_by_a_crash(tmp_path: Path) -> None:
    async def main() -> None:
        kernel = Kernel()
        end = log_lifecycle(kernel.events)
        top = await kernel.spawn(Supervisor, [ChildSpec("w", Leaky, name="w")], max_restarts=1, name="top")
        for _ in range(2):
            kernel.ref("w").tell({"prompt": PROMPT, "key": KEY})
            await settle()
        await top.wait_exit()
        end()

    with logging_into(tmp_path / "node.log", secrets=[KEY]) as file:
        run(main())
        text = file.read_text(encoding="utf-8")
    assert [json.loads(line)["event"] for line in text.splitlines()].count("actor_crashed") == 2
    assert "refused" in text
    assert all(word not in text for word in (PROMPT, KEY, LOOKS_LIKE_A_KEY, "canary0123"))


def test_a_thousand_that_fall_together_are_two_lines() -> None:
    async def main() -> None:
        kernel = Kernel()
        with capture_logs() as lines:
            end = log_lifecycle(kernel.events)
            chain = [await kernel.spawn(Echo) for _ in range(1_000)]
            for one, other in pairwise(chain):
                await inside(one, lambda actor, other=other: actor.link(other))
            chain[0].tell(Boom("the only text"))
            await until(lambda: kernel.live == 0)
            end()
        crash, fell = lines
        assert (crash["event"], crash["actor"]) == ("actor_crashed", str(chain[0]))
        assert (fell["event"], fell["origin"], fell["count"]) == ("actors_fell_along", str(chain[0]), 999)
        assert (fell["reason"], len(fell["first"])) == ("crashed: Boom", 10)

    run(main())


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_wanted_end_is_no_error_and_a_kill_is_said(how: str) -> None:
    async def main() -> None:
        kernel = Kernel()
        with capture_logs() as lines:
            end = log_lifecycle(kernel.events)
            top = await kernel.spawn(DynamicSupervisor, name="top")
            for n in range(3):
                await top.call(StartChild(ChildSpec(str(n), Echo)))
            getattr(top, how)()
            await until(lambda: kernel.live == 0)
            end()
        said = [(line["event"], line["log_level"]) for line in lines]
        assert said == ([("actor_killed", "info"), ("actors_fell_along", "info")] if how == "kill" else [])

    run(main())


def test_a_supervisor_that_gives_up_says_the_whole_chain_in_one_line() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        with capture_logs() as lines:
            end = log_lifecycle(kernel.events)
            worker = ChildSpec("w", Echo, name="w")
            inner = ChildSpec("in", Supervisor, ([worker],), {"max_restarts": 1}, name="inner", type="supervisor")
            top = await kernel.spawn(Supervisor, [inner], max_restarts=1, name="top")
            for _ in range(4):
                kernel.ref("w").tell(Boom("storm"))
                await settle()
            await top.wait_exit()
            end()
        gave_up = [line for line in lines if line["event"] == "supervisor_escalated"]
        assert [line["supervisor"] for line in gave_up] == ["inner", "inner", "top"]
        assert gave_up[-1]["chain"] == [
            "top: more than 1 restarts in 5 s, the last of in",
            "inner: more than 1 restarts in 5 s, the last of w",
            "crashed: Boom: storm",
        ]
        assert [line["event"] for line in lines].count("actor_crashed") == 4

    run(main())


def test_an_error_whose_text_cannot_be_made_is_logged_and_escalated_like_any_other() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        with capture_logs() as lines:
            end = log_lifecycle(kernel.events)
            top = await kernel.spawn(Supervisor, [ChildSpec("w", Echo, name="w")], max_restarts=0, name="top")
            kernel.ref("w").tell(Speechless())
            await top.wait_exit()
            end()
        assert [line["event"] for line in lines] == ["actor_crashed", "supervisor_escalated"]
        assert "Speechless" in lines[0]["reason"]
        assert "Speechless" in lines[1]["chain"][-1]

    run(main())
