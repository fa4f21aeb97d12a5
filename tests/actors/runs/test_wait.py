"""`wait` steps in runs: a moment that is fixed once and reached also by another node."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.journal import MemoryStore
from actors.kernel import ManualClock
from actors.runs import step_name
from tests.actors_for_tests import settle, until
from tests.runs_for_tests import SmallNode, small_node
from tests.support import run

WAITS = """
name: p
steps:
  - {name: pause, type: wait, %s}
  - {name: after, type: test_echo, value: "{{ steps.pause.waited_s }}"}
"""


async def waiting(node: SmallNode, count: int = 1) -> None:
    await until(lambda: [event.kind for event in node.events].count("step_waiting") == count, 100_000)


async def ended(node: SmallNode, run_id: str = "r1") -> Any:
    """How the run ended, untyped: its results are JSON."""
    return await node.outcome(run_id, 20)


@pytest.mark.parametrize(
    ("text", "inputs", "seconds"),
    [
        ("for: 2h", {}, 7_200.0),
        ("for_s: '{{ inputs.n }}'", {"n": 90}, 90.0),
        ("for_s: '{{ inputs.n }}'", {"n": "90"}, 90.0),
        ("until: 2023-11-14T22:14:20Z", {}, 60.0),
        ("until: 2023-11-14T23:14:20+01:00", {}, 60.0),
        ("until: 2023-11-14T22:14:20", {}, 60.0),
        ("until: '{{ inputs.at }}'", {"at": 1_700_000_060}, 60.0),
    ],
)
def test_it_ends_when_its_time_has_come_and_not_before(text: str, inputs: dict[str, Any], seconds: float) -> None:
    async def main() -> None:
        clock = ManualClock(wall_s=1_700_000_000.0)
        node = await small_node(clock=clock)
        await node.submit(WAITS % text, inputs=inputs)
        await waiting(node)
        for _ in range(int(seconds // 60)):
            clock.advance(59.0)
            await settle()
        assert node.hands.calls["after"] == 0
        clock.advance(seconds)
        await settle()
        clock.advance(60.0)
        outcome = await ended(node)
        assert outcome.results["pause"]["waited_s"] >= seconds
        assert outcome.results["pause"]["began_at"] == "2023-11-14T22:13:20+00:00"
        await node.kernel.shutdown()

    run(main())


@pytest.mark.parametrize("text", ["for: 0", "until: 2001-01-01"])
def test_a_time_that_is_over_is_not_waited_for(text: str) -> None:
    async def main() -> None:
        node = await small_node()
        assert (await node.run(WAITS % text)).status == "succeeded"
        assert "step_waiting" not in node.kinds("pause")
        await node.kernel.shutdown()

    run(main())


@pytest.mark.parametrize(
    ("text", "value", "told"),
    [
        ("for_s: '{{ inputs.v }}'", "soon", "no number of seconds"),
        ("for_s: '{{ inputs.v }}'", -1, "no number of seconds"),
        ("for_s: '{{ inputs.v }}'", 1e9, "366 days away"),
        ("until: '{{ inputs.v }}'", "soon", "is no moment: write it as 2030-01-31T18:00:00Z"),
        ("until: '{{ inputs.v }}'", [1], "is no moment"),
        ("until: '{{ inputs.v }}'", "9999-01-01", "366 days away"),
    ],
)
def test_what_is_no_time_fails_the_step_at_once_and_is_told(text: str, value: Any, told: str) -> None:
    async def main() -> None:
        node = await small_node()
        outcome: Any = await node.run(WAITS % text, inputs={"v": value})
        assert (outcome.error["code"], outcome.error["attempts"]) == ("wait_time", 1)
        assert told in outcome.error["message"]
        await node.kernel.shutdown()

    run(main())


def test_kills_of_the_step_and_of_the_node_do_not_begin_the_time_anew() -> None:
    async def main() -> None:
        store, clock = MemoryStore(), ManualClock(wall_s=1_700_000_000.0)
        node = await small_node(store=store, clock=clock)
        await node.submit(WAITS % "for: 1h")
        await waiting(node)
        clock.advance(600.0)
        node.kernel.ref(step_name("r1", "pause")).kill()
        await waiting(node, 2)
        await node.kernel.shutdown()
        later = ManualClock(wall_s=1_700_000_000.0 + 3_599.0)
        node = await small_node(store=store, clock=later)
        await waiting(node)
        later.advance(1.5)
        outcome = await ended(node)
        assert outcome.results["pause"]["until"] == "2023-11-14T23:13:20+00:00"
        assert outcome.results["pause"]["waited_s"] == 3_600.5
        await node.kernel.shutdown()

    run(main())


def test_a_step_timeout_interrupts_it() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        await node.submit(WAITS % "for: 1h, timeout_s: 10, on_error: continue")
        await waiting(node)
        clock.advance(11.0)
        outcome = await ended(node)
        assert outcome.results["pause"]["error"]["code"] == "timeout"
        await node.kernel.shutdown()

    run(main())


def test_2000_wait_at_once_and_none_holds_another_up() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        await asyncio.gather(*(node.submit(WAITS % "for: 30", f"r{n}") for n in range(2_000)))
        await waiting(node, 2_000)
        clock.advance(31.0)
        outcomes = await asyncio.gather(*(ended(node, f"r{n}") for n in range(2_000)))
        assert {each.status for each in outcomes} == {"succeeded"}
        await node.kernel.shutdown()

    run(main(), timeout_s=60)
