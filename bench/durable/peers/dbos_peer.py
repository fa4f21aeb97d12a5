"""Five steps in a row in a DBOS workflow on SQLite: `dbos_peer.py DIR WHAT COUNT full`.

Runs in the peers' own environment; ends with 77 where DBOS is not installed. Its SQLite settings are left as they are.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import time
from typing import Any

try:
    import sqlalchemy as sa
    from dbos import DBOS, DBOSConfig
except ImportError:
    sys.exit(77)

STEPS = 5
WARM_UP = 5
DELAY_S = 0.0


@DBOS.step()
async def step(number: int, before: str) -> str:
    if DELAY_S:
        await asyncio.sleep(DELAY_S)
    return before


@DBOS.workflow()
async def workflow() -> str:
    value = "start"
    for number in range(1, STEPS + 1):
        value = await step(number, value)
    return value


async def run() -> None:
    ended = await workflow()
    if ended != "start":
        raise RuntimeError(f"a workflow ended with {ended!r}")


def connection_facts() -> dict[str, Any]:
    from dbos._dbos import _get_dbos_instance

    with _get_dbos_instance()._sys_db.engine.connect() as connection:
        return {
            pragma: connection.execute(sa.text(f"PRAGMA {pragma}")).scalar()
            for pragma in ("journal_mode", "synchronous")
        }


async def main(what: str, count: int) -> dict[str, Any]:
    if what == "sequential":
        samples = []
        for number in range(count + WARM_UP):
            started = time.perf_counter()
            await run()
            if number >= WARM_UP:
                samples.append((time.perf_counter() - started) / STEPS * 1e6)
        return {"step_us": sorted(samples)[len(samples) // 2], "connection": connection_facts()}
    await run()
    started = time.perf_counter()
    ended = await asyncio.gather(*(run() for _ in range(count)), return_exceptions=True)
    seconds = time.perf_counter() - started
    failed = sum(isinstance(each, BaseException) for each in ended)
    if what == "throughput":
        return {"steps_per_s": count * STEPS / seconds, "failed": failed}
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "failed": failed, "peak_rss_mb": rss_mb}


if __name__ == "__main__":
    DELAY_S = 0.1 if sys.argv[2] == "at_once" else 0.0
    url = f"sqlite:///{sys.argv[1]}/dbos.sqlite"
    config: DBOSConfig = {"name": "bench", "system_database_url": url, "run_admin_server": False}
    DBOS(config=config)
    logging.getLogger("dbos").setLevel(logging.ERROR)
    DBOS.launch()
    figures = asyncio.run(main(sys.argv[2], int(sys.argv[3])))
    DBOS.destroy()
    print(json.dumps(figures), flush=True)
