"""`python -m bench.durable ours WHAT COUNT normal|full`, `... fill DIR COUNT`, `... resume DIR COUNT BEGUN`: one
measurement in this process, its figures as JSON in the last line. `python -m bench durable` asks for all of them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bench.durable.ours import one
from bench.durable.restarts import fill, take_up
from runtime.daemon.loop import node_loop


def run(measurement: Coroutine[Any, Any, Any]) -> Any:
    """On the loop that a node's process has."""
    with asyncio.Runner(loop_factory=node_loop) as runner:
        return runner.run(measurement)


match sys.argv[1:]:
    case ["ours", what, count, synchronous]:
        print(json.dumps(run(one(what, int(count), synchronous))), flush=True)
    case ["fill", directory, count]:
        run(fill(Path(directory), int(count)))
    case ["resume", directory, count, begun]:
        print(json.dumps(run(take_up(Path(directory), int(count), float(begun)))), flush=True)
    case _:
        sys.exit(__doc__)
