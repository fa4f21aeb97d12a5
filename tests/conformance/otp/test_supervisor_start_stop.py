"""Supervisors start and stop: numbers 31 to 38 of the list of OTP behaviours."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel import (
    IGNORE,
    Actor,
    ChildSpec,
    Crashed,
    Kernel,
    Killed,
    ManualClock,
    RestartChild,
    Shutdown,
    StartChild,
    StartError,
    WhichChildren,
)
from supervisors import DynamicSupervisor, Supervisor
from tests.actors_for_tests import Boom, Echo, child, new_log, settle
from tests.support import run


class Late(Actor):
    """Starts and stops with a wait in between."""

    def __init__(self, log: list[Any], label: str) -> None:
        super().__init__()
        self.log = log
        self.label = label

    async def on_start(self) -> None:
        self.log.append(("starting", self.label))
        await asyncio.sleep(0)
        self.log.append(("start", self.label))

    async def on_stop(self) -> None:
        self.log.append(("stopping", self.label))
        await asyncio.sleep(0)
        self.log.append(("stop", self.label))


class FailsToStart(Actor):
    def on_start(self) -> None:
        raise Boom


class Lingers(Actor):
    """Does not end for as long as its gate is shut."""

    def __init__(self, gate: asyncio.Event) -> None:
        super().__init__()
        self.gate = gate

    async def on_stop(self) -> None:
        await self.gate.wait()


def test_31_children_start_in_order_and_stop_in_reverse_each_fully_before_the_next() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        sup = await kernel.spawn(Supervisor, [ChildSpec(c, Late, (log, c)) for c in "abc"])
        assert log == [(word, c) for c in "abc" for word in ("starting", "start")]
        log.clear()
        await sup.stop()
        assert log == [(word, c) for c in "cba" for word in ("stopping", "stop")]

    run(main())


def test_32_a_child_that_fails_to_start_rolls_back_its_elders_and_fails_the_supervisor() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        with pytest.raises(StartError) as caught:
            await kernel.spawn(
                Supervisor,
                [ChildSpec("a", Late, (log, "a")), ChildSpec("b", Late, (log, "b")), ChildSpec("bad", FailsToStart)],
            )
        assert "bad" in str(caught.value.__cause__)
        assert [entry for entry in log if entry[0] == "stop"] == [("stop", "b"), ("stop", "a")]
        await settle()
        assert kernel.live == 0

    run(main())


def test_33_a_child_that_ignores_its_start_counts_as_started_and_can_be_restarted() -> None:
    wanted = False

    class Maybe(Actor):
        def on_start(self) -> Any:
            return None if wanted else IGNORE

    async def main() -> None:
        nonlocal wanted
        kernel = Kernel()
        sup = await kernel.spawn(Supervisor, [ChildSpec("maybe", Maybe)])
        assert await child(sup, "maybe") is None
        wanted = True
        ref = await sup.call(RestartChild("maybe"))
        assert ref.is_alive()

    run(main())


def test_34_shutdown_waits_as_long_as_the_policy_says_and_then_kills() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        shut = asyncio.Event()
        sup = await kernel.spawn(
            Supervisor,
            [
                ChildSpec("polite", Lingers, (shut,), shutdown=2.0),
                ChildSpec("brutal", Lingers, (shut,), shutdown="brutal_kill"),
                ChildSpec("for_ever", Lingers, (gate := asyncio.Event(),), shutdown="infinity"),
            ],
        )
        polite, brutal, for_ever = [await child(sup, c) for c in ("polite", "brutal", "for_ever")]
        sup.stop()
        stopping = asyncio.ensure_future(sup.wait_exit())
        await settle()
        clock.advance(1_000_000.0)
        await settle()
        assert not stopping.done()
        assert for_ever.exit_reason is None
        gate.set()
        await settle()
        assert brutal.exit_reason == Killed()
        assert polite.exit_reason is None
        clock.advance(1.9)
        await settle()
        assert polite.exit_reason is None
        clock.advance(0.1)
        await stopping
        assert polite.exit_reason == Killed()

    run(main())


def test_35_a_child_that_crashes_while_it_is_shut_down_does_not_stop_the_shutdown() -> None:
    boom = Boom()

    class BadEnd(Actor):
        def on_stop(self) -> None:
            raise boom

    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(Supervisor, [ChildSpec("a", Echo), ChildSpec("b", BadEnd)])
        a, b = await child(sup, "a"), await child(sup, "b")
        await sup.stop()
        assert b.exit_reason == Crashed(boom)
        assert a.exit_reason == Shutdown()

    run(main())


def test_36_a_child_that_crashes_during_the_supervisors_shutdown_is_not_restarted() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        gate = asyncio.Event()
        sup = await kernel.spawn(Supervisor, [ChildSpec("a", Echo, (log, "a")), ChildSpec("b", Lingers, (gate,))])
        a = await child(sup, "a")
        ended = sup.stop()
        await settle()
        a.tell(Boom())
        await settle()
        gate.set()
        await ended
        assert [entry for entry in log if entry[0] == "start"] == [("start", "a")]
        assert kernel.live == 0

    run(main())


def test_37_when_the_supervisor_is_killed_its_whole_subtree_ends() -> None:
    async def main() -> None:
        kernel = Kernel()
        inner = ChildSpec("inner", Supervisor, ([ChildSpec("leaf", Echo)],), type="supervisor")
        sup = await kernel.spawn(Supervisor, [inner, ChildSpec("worker", Echo)])
        assert kernel.live == 4
        sup.kill()
        await settle()
        assert kernel.live == 0

    run(main())


def test_38_ten_thousand_dynamic_children_stop_within_the_longest_timeout_not_the_sum() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        sup = await kernel.spawn(DynamicSupervisor)
        shut = asyncio.Event()
        for number in range(10_000):
            await sup.call(StartChild(ChildSpec(str(number), Lingers, (shut,), shutdown=3.0)), timeout_s=None)
        assert len(await sup.call(WhichChildren())) == 10_000
        ended = sup.stop()
        await settle()
        clock.advance(3.0)
        await ended
        assert kernel.live == 0

    run(main(), timeout_s=60)
