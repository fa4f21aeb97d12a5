"""Thousands of runs that pause or resume in one moment are one line of the log."""

from __future__ import annotations

import asyncio

from runtime.log_bunches import SINGLY, Bunches
from tests.support import run

Told = list[tuple[str, int, list[str]]]


def bunches(told: Told) -> Bunches:
    return Bunches(lambda kind, count, first: told.append((kind, count, first)))


def test_the_first_have_lines_of_their_own_and_the_rest_one_together() -> None:
    async def main() -> None:
        told: Told = []
        made = bunches(told)
        taken = [made.takes("run_paused", f"r{number}") for number in range(1_000)]
        assert taken == [False] * SINGLY + [True] * (1_000 - SINGLY)
        assert not made.takes("run_resumed", "another")
        made.close()
        assert told == [("run_paused", 1_000 - SINGLY, [f"r{SINGLY + number}" for number in range(SINGLY)])]
        assert not made.takes("run_paused", "later")
        made.close()
        assert len(told) == 1

    run(main())


def test_a_bunch_is_told_by_itself_once_its_time_is_over() -> None:
    async def main() -> None:
        told: Told = []
        over = asyncio.Event()
        made = Bunches(lambda kind, count, first: (told.append((kind, count, first)), over.set())[0])
        for number in range(SINGLY + 3):
            made.takes("run_paused", f"r{number}")
        assert told == []
        await asyncio.wait_for(over.wait(), 20)
        assert [(kind, count) for kind, count, _ in told] == [("run_paused", 3)]

    run(main())


def test_without_a_loop_every_one_has_its_line() -> None:
    told: Told = []
    made = bunches(told)
    assert not any(made.takes("run_paused", str(number)) for number in range(10 * SINGLY))
    assert told == []
