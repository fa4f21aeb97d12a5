"""The wall clock is set back and forth while runs go on: it stamps, and decides nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from actors.journal import (
    Journal,
    JournalPlace,
    ListRuns,
    LoadRun,
    MemoryStore,
    OpenRun,
    RecordStep,
    SqliteFile,
    UnfinishedRuns,
)
from actors.kernel import Kernel, LoopClock, ManualClock
from actors.runs import RunEvent
from tests.runs_for_tests import small_node
from tests.support import run

HOUR_S = 3_600.0
RUN = """
name: p
steps:
  - {name: a, type: test_echo, value: x, delay_s: 0.02, timeout_s: 30}
  - {name: b, type: test_echo, value: "{{steps.a}}", delay_s: 0.02, timeout_s: 30}
"""


class JumpingClock(ManualClock):
    """A clock whose wall time somebody sets."""

    jumped_s = 0.0

    def wall(self) -> float:
        return super().wall() + self.jumped_s


@pytest.mark.parametrize("where", ["memory", "sqlite"])
def test_the_order_of_runs_and_steps_is_that_of_their_commits_whatever_the_clock_says(
    where: str, tmp_path: Path
) -> None:
    async def main() -> None:
        clock = JumpingClock()
        kernel = Kernel(clock=clock)
        place: JournalPlace = MemoryStore() if where == "memory" else SqliteFile(tmp_path / "journal.db")
        journal = await kernel.spawn(Journal, place)
        for name, jump_s in (("first", 0.0), ("second", -HOUR_S), ("third", 24 * HOUR_S), ("fourth", -48 * HOUR_S)):
            clock.jumped_s = jump_s
            await journal.call(OpenRun(name, "p", {}, "h", {}))
            await journal.call(RecordStep("first", f"after {name}", 1, "succeeded", None))
        names = ["first", "second", "third", "fourth"]
        assert [each.run_id for each in await journal.call(UnfinishedRuns())] == names
        assert [each.run_id for each in await journal.call(ListRuns(3))] == names[:0:-1]
        record = await journal.call(LoadRun("first"))
        assert list(record.steps) == [f"after {name}" for name in names]
        assert record.steps["after fourth"].at < record.opened_at  # stamped as the clock said
        await kernel.shutdown()

    run(main())


class SetClock(LoopClock):
    """The machine's clocks, the wall clock off by what somebody set."""

    off_s = 0.0

    def wall(self) -> float:
        return super().wall() + self.off_s


@pytest.mark.parametrize("jump_s", [-HOUR_S, HOUR_S])
def test_a_run_neither_waits_nor_fails_for_a_clock_that_jumps(jump_s: float) -> None:
    async def main() -> None:
        clock = SetClock(asyncio.get_running_loop())
        node = await small_node(clock=clock)

        def set_clock(event: object) -> None:
            if isinstance(event, RunEvent) and event.kind == "step_started":
                clock.off_s += jump_s

        node.kernel.events.subscribe(set_clock)
        outcome = await node.run(RUN)
        assert (outcome.status, outcome.results["b"]) == ("succeeded", "x")
        assert 0 <= outcome.duration_s < 30
        await node.kernel.shutdown()

    run(main())
