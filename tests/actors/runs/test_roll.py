"""Who lives, who waits, and when the last one has gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from actors.kernel import Actor, Kernel, ManualClock
from actors.runs.errors import RunStillRunningError
from actors.runs.roll import CROWD, Roll
from actors.runs.values import RunOutcome
from tests.actors_for_tests import settle
from tests.support import run


def outcome(run_id: str) -> RunOutcome:
    return RunOutcome(run_id, "succeeded", {}, {}, None, {}, None, 0.0)


@dataclass(frozen=True, slots=True)
class Wait:
    """Asks to wait for a run."""

    run_id: str
    patience_s: float


class Desk(Actor):
    """Lets callers wait for runs; a RunOutcome ends one."""

    def __init__(self, roll: Roll) -> None:
        super().__init__()
        self.roll = roll

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, RunOutcome):
            self.roll.end(message)
        elif isinstance(message, Wait):
            reply, live = self.later(), self.roll.get(message.run_id)
            assert live is not None
            live.wait(reply, self.tell_after(message.patience_s, "give up"))
        return None


def test_only_the_last_outcomes_are_kept() -> None:
    roll = Roll(keep_finished=2)
    for run_id in ("a", "b", "c"):
        roll.enter(run_id, "p")
        roll.end(outcome(run_id))
    assert roll.outcome("a") is None
    assert roll.outcome("c") == outcome("c")
    assert len(roll) == 0


def test_those_who_left_before_the_end_of_a_run_are_not_kept() -> None:
    async def main() -> None:
        kernel, roll = Kernel(ManualClock()), Roll(10)
        desk = await kernel.spawn(Desk, roll)
        live = roll.enter("a", "p")
        stays = kernel.loop.create_task(desk.call(Wait("a", 3_600.0), timeout_s=None))
        for _ in range(10 * CROWD):
            leaves = kernel.loop.create_task(desk.call(Wait("a", 3_600.0), timeout_s=None))
            await settle()
            leaves.cancel()
        await settle()
        cell = desk.resolve()
        assert len(live.waiting) <= CROWD
        assert cell is not None and len(cell.timers or ()) == len(live.waiting)
        await desk.call(outcome("a"))
        assert await stays == outcome("a")
        await kernel.shutdown()

    run(main())


def test_an_entry_that_was_replaced_is_not_struck_off() -> None:
    roll = Roll(10)
    former = roll.enter("a", "p")
    now = roll.enter("a", "p")
    assert not roll.strike(former)
    assert roll.get("a") is now


def test_who_drains_hears_of_the_last_run_however_it_goes() -> None:
    for leave in ("end", "strike"):
        roll, heard = Roll(10), list[str]()
        first, second = roll.enter("a", "p"), roll.enter("b", "p")
        roll.when_empty = lambda heard=heard: heard.append("empty")
        roll.end(outcome(first.run_id))
        assert heard == []
        if leave == "end":
            roll.end(outcome("b"))
        else:
            roll.strike(second)
        assert heard == ["empty"]


def test_a_run_that_has_ended_leaves_no_timer_of_those_who_waited() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel, roll = Kernel(clock), Roll(10)
        desk = await kernel.spawn(Desk, roll)
        roll.enter("a", "p")
        waiting = kernel.loop.create_task(desk.call(Wait("a", 3600.0), timeout_s=None))
        while not (live := roll.get("a")) or not live.waiting:
            await asyncio.sleep(0)
        await desk.call(outcome("a"))
        assert await waiting == outcome("a")
        cell = desk.resolve()
        assert cell is not None and not cell.timers
        await kernel.shutdown()

    run(main())


class Kept:
    """Stands for a Reply and for the timer of its patience."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    def set(self, value: Any) -> None:
        self.got.append(value)

    def fail(self, error: Exception) -> None:
        self.got.append(error)


@pytest.mark.parametrize("paused", [None, "switched off"])
def test_waiting_too_long_is_an_error_unless_the_run_stands_still(paused: str | None) -> None:
    roll, reply = Roll(10), Kept()
    live = roll.enter("a", "p")
    live.waiting[reply] = reply  # pyright: ignore[reportArgumentType]
    roll.pause("a", paused)
    roll.give_up("a", reply, 5.0)  # pyright: ignore[reportArgumentType]
    roll.give_up("a", reply, 5.0)  # pyright: ignore[reportArgumentType] - the second time nobody waits any more
    (got,) = reply.got
    if paused is None:
        assert isinstance(got, RunStillRunningError)
    else:
        assert (got.status, got.error["message"]) == ("paused", "switched off")
