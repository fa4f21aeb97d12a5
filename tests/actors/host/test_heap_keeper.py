"""The HeapKeeper with Python's own collector."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest

from actors.host import HeapKeeper
from actors.host.heap_keeper import INTERVAL_S, PER_ACTOR
from actors.kernel import Actor, Kernel, ManualClock
from actors.runs import RunRequest, SubmitRun
from pipelines.language import load_pipeline
from tests.actors_for_tests import settle, until
from tests.runs_for_tests import echoes, small_node
from tests.support import run

USUAL = (500_000, 50, 20)


class Idle(Actor):
    def on_receive(self, message: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def usual_thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


async def counted(clock: ManualClock) -> tuple[int, int, int]:
    clock.advance(INTERVAL_S)
    await settle()
    return gc.get_threshold()


def test_the_threshold_follows_the_actors_that_live() -> None:
    async def main() -> None:
        kernel = Kernel(clock := ManualClock())
        await kernel.spawn(HeapKeeper)
        assert await counted(clock) == (500_000 + PER_ACTOR, 50, 20)
        many = [await kernel.spawn(Idle) for _ in range(100)]
        assert await counted(clock) == (500_000 + 101 * PER_ACTOR, 50, 20)
        for one in many:
            one.kill()
        await settle()
        assert await counted(clock) == (500_000 + PER_ACTOR, 50, 20)
        await kernel.shutdown()
        assert gc.get_threshold() == USUAL

    run(main())


def test_what_others_set_meanwhile_is_what_is_added_to() -> None:
    async def main() -> None:
        kernel = Kernel(clock := ManualClock())
        keeper = await kernel.spawn(HeapKeeper)
        gc.set_threshold(700_000, 7, 3)
        assert await counted(clock) == (700_000 + PER_ACTOR, 7, 3)
        keeper.kill()
        await settle()
        assert gc.get_threshold() == (700_000, 7, 3)
        await kernel.shutdown()

    run(main())


def test_a_run_that_waits_is_made_of_no_more_objects_an_actor_than_the_keeper_allows() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.gates = {"s1": asyncio.Event()}
        pipeline, runs = load_pipeline(echoes("s1: 1", "s2: '{{steps.s1}}'")), node.kernel.ref("runs")

        async def waiting(count: int) -> tuple[int, int]:
            already = node.hands.active
            for number in range(already, already + count):
                await runs.call(SubmitRun(RunRequest(f"r{number}", pipeline, {}, "/nonexistent")))
            await until(lambda: node.hands.active == already + count)
            gc.collect()
            return node.kernel.live, len(gc.get_objects())

        actors, objects = await waiting(5)
        more_actors, more_objects = await waiting(100)
        an_actor = (more_objects - objects) / (more_actors - actors)
        assert PER_ACTOR / 2 < an_actor <= PER_ACTOR
        await node.kernel.shutdown()

    run(main())
