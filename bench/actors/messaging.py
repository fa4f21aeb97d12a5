"""How fast messages go: calls and tells inside the loop, asks from other threads, and many actors that wait."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from actors.kernel import ActorRef, Kernel
from bench.actors.workload import Coroutine, Ping, Plain, Receiver, Wait

WAIT_S = 0.2


async def calls(kernel: Kernel, count: int) -> dict[str, float]:
    """Calls one actor `count` times in a row from a task on the loop, each call with its deadline."""
    figures: dict[str, float] = {}
    for label, actor in (("calls_per_s", Plain), ("calls_to_async_handler_per_s", Coroutine)):
        ref: ActorRef[Any] = await kernel.spawn(actor)
        message = Ping()
        started = time.perf_counter()
        for _ in range(count):
            await ref.call(message)
        figures[label] = count / (time.perf_counter() - started)
    return figures


async def tells(kernel: Kernel, count: int) -> dict[str, float]:
    """Tells one actor `count` messages in one batch; the clock stops when the last one has been handled."""
    all_here = asyncio.Event()
    ref = await kernel.spawn(Receiver, count, all_here)
    message = Ping()
    started = time.perf_counter()
    for _ in range(count):
        ref.tell(message)
    await all_here.wait()
    return {"tells_per_s": count / (time.perf_counter() - started)}


async def threads(kernel: Kernel, count: int) -> dict[str, float]:
    """Blocking asks of one actor, from one other thread and from four: asks per second of all of them together."""
    ref: ActorRef[Any] = await kernel.spawn(Plain)
    figures: dict[str, float] = {}
    for number in (1, 4):
        each = max(1, count // number)
        go = threading.Event()

        def ask(each: int = each, go: threading.Event = go) -> None:
            go.wait()
            message = Ping()
            for _ in range(each):
                ref.ask(message, timeout=30.0)

        asking = [asyncio.create_task(asyncio.to_thread(ask)) for _ in range(number)]
        await asyncio.sleep(0)
        started = time.perf_counter()
        go.set()
        await asyncio.gather(*asking)
        figures[f"asks_from_{number}_threads_per_s"] = each * number / (time.perf_counter() - started)
    return figures


async def waiting(kernel: Kernel, count: int) -> dict[str, float]:
    """Lets `count` actors wait 200 ms at once; with and without the time their start took."""
    started = time.perf_counter()
    refs = [await kernel.spawn(Coroutine) for _ in range(count)]
    spawned = time.perf_counter()
    await asyncio.gather(*(ref.call(Wait(WAIT_S), timeout_s=60.0) for ref in refs))
    finished = time.perf_counter()
    return {"seconds": finished - spawned, "seconds_with_start": finished - started}
