"""The baseline: the same work on raw `pykka.ThreadingActor`, one thread per actor."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pykka

from bench.figures import resident_kb


class Echo(pykka.ThreadingActor):
    """Answers with what it got; a float makes it wait that many seconds first."""

    use_daemon_thread = True

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, float):
            time.sleep(message)
        return message


def spawn_and_memory(count: int) -> dict[str, float]:
    """Starts `count` idle actors: starts per second and KB of resident memory each."""
    Echo.start().stop()
    before_kb = resident_kb()
    started = time.perf_counter()
    refs = [Echo.start() for _ in range(count)]
    elapsed = time.perf_counter() - started
    kb_each = (resident_kb() - before_kb) / count
    del refs
    return {"spawns_per_s": count / elapsed, "kb_per_actor": kb_each}


def calls(count: int) -> dict[str, float]:
    """Asks one actor `count` times in a row."""
    ref = Echo.start()
    started = time.perf_counter()
    for index in range(count):
        ref.ask(index)
    return {"calls_per_s": count / (time.perf_counter() - started)}


def tells(count: int) -> dict[str, float]:
    """Tells one actor a batch of `count`; the answer to the last one says that all have been handled."""
    ref = Echo.start()
    started = time.perf_counter()
    for index in range(count - 1):
        ref.tell(index)
    ref.ask(count)
    return {"tells_per_s": count / (time.perf_counter() - started)}


def waiting(count: int, wait_s: float) -> dict[str, float]:
    """Lets `count` actors wait at once, their start included."""
    started = time.perf_counter()
    futures = [Echo.start().ask(wait_s, block=False) for _ in range(count)]
    pykka.get_all(futures, timeout=120)
    return {"seconds": time.perf_counter() - started}


def main(what: str, count: int) -> None:
    """Prints one measurement as JSON and leaves without waiting for the threads."""
    import os

    figures = {
        "spawn": lambda: spawn_and_memory(count),
        "calls": lambda: calls(count),
        "tells": lambda: tells(count),
        "waiting": lambda: waiting(count, 0.2),
    }[what]()
    print(json.dumps(figures), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
