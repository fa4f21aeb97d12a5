"""Runs that only wait, and a node that stops meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel import ManualClock
from actors.runs import Drain, RunEvent
from actors.runs.idling import only_waits
from tests.actors_for_tests import settle, until
from tests.runs_for_tests import small_node
from tests.support import run


def events(*said: tuple[str, str | None]) -> list[RunEvent]:
    return [RunEvent("r", number, 0.0, kind, step) for number, (kind, step) in enumerate(said, 1)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], False),
        ([("run_started", None), ("step_started", "a")], False),
        ([("step_started", "a"), ("step_waiting", "a")], True),
        ([("step_started", "a"), ("step_waiting", "a"), ("step_succeeded", "a")], False),
        ([("step_started", "a"), ("step_waiting", "a"), ("step_started", "b")], False),
        ([("step_started", "a"), ("step_waiting", "a"), ("step_started", "b"), ("step_failed", "b")], True),
        ([("step_started", "a"), ("step_waiting", "a"), ("step_restarted", "a")], False),
        ([("step_started", "x"), ("step_started", "x[3]/y"), ("step_waiting", "x[3]/y")], True),
        ([("step_started", "x"), ("step_started", "xy"), ("step_waiting", "xy")], False),
    ],
)  # fmt: skip
def test_a_run_only_waits_when_all_that_is_at_work_in_it_does(said: list[Any], expected: bool) -> None:
    assert only_waits(events(*said)) is expected


def test_a_drain_waits_for_work_and_not_for_waiting() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.gates = {"b": asyncio.Event()}
        text = "name: p\nsteps:\n  - {name: a, type: wait, for: 1d}\n  - {name: b, type: test_echo, value: 1}\n"
        await node.submit(text)
        await until(lambda: "step_waiting" in node.kinds("a") and node.hands.active == 1)
        drained = asyncio.ensure_future(node.kernel.ref("runs").call(Drain(30.0)))
        clock.advance(4.0)
        await settle()
        assert not drained.done()
        node.hands.gates["b"].set()
        await until(lambda: "step_succeeded" in node.kinds("b"))
        clock.advance(0.5)
        assert await drained == 1
        await node.kernel.shutdown()

    run(main())
