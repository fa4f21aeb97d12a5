"""The ledger's files and their threads while the Treasury ends and begins again."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from actors.treasury import CostReport
from tests.actors.treasury_for_tests import bank
from tests.actors_for_tests import until
from tests.support import open_files, run


def test_however_often_a_treasury_is_killed_each_life_has_its_own_files_and_threads_and_leaves_none(
    tmp_path: Path,
) -> None:
    """One thread books; another reports, and is not there before somebody has asked."""

    async def main() -> None:
        before = set(threading.enumerate())
        async with bank(tmp_path) as each:
            treasury = each.kernel.ref("treasury")
            for _ in range(3):
                (booking,) = set(threading.enumerate()) - before
                assert await treasury.call(CostReport("2026-01-01")) == ()
                (reporting,) = set(threading.enumerate()) - before - {booking}
                treasury.kill()
                for thread in (booking, reporting):
                    while thread.is_alive():
                        await asyncio.sleep(0)
                await until(lambda: each.kernel.registry.whereis("treasury") is not None)
                await each.view()
            (booking,) = set(threading.enumerate()) - before
            assert open_files(tmp_path)
        assert open_files(tmp_path) == []
        while booking.is_alive():
            await asyncio.sleep(0)
        assert set(threading.enumerate()) == before

    run(main())
