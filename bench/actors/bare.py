"""The floor: a bare asyncio actor on pykka, as one writes it in an afternoon. A task and a queue each; no supervision,
no links, no bound, no deadline, no event.

What the kernel costs more than this, its guarantees cost; what it costs less, its control block saves.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pykka

from bench.figures import resident_kb


class Inbox:
    """The part of pykka's inbox that senders use, over an asyncio queue."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()

    def put(self, envelope: Any, /) -> None:
        self.queue.put_nowait(envelope)

    def get(self) -> Any:
        return self.queue.get_nowait()

    def empty(self) -> bool:
        return self.queue.empty()


class Bare(pykka.Actor):
    """Answers with what it got; a float makes it wait that many seconds first."""

    task: asyncio.Task[None]

    @staticmethod
    def _create_actor_inbox() -> Any:
        return Inbox()

    @staticmethod
    def _create_future() -> Any:
        return asyncio.get_running_loop().create_future()

    def _start_actor_loop(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        self.on_start()
        inbox: Any = self.actor_inbox
        while not self.actor_stopped.is_set():
            envelope = await inbox.queue.get()
            answer = await self.on_receive(envelope.message)
            if envelope.reply_to is not None and not envelope.reply_to.done():
                envelope.reply_to.set_result(answer)

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, float):
            await asyncio.sleep(message)
        return message


async def spawn(count: int) -> dict[str, float]:
    """Starts `count` idle actors one after another, each until it waits for messages."""
    Bare.start()
    await asyncio.sleep(0)
    gc.collect()
    before_kb = resident_kb()
    started = time.perf_counter()
    kept: list[Any] = []
    for _ in range(count):
        kept.append(Bare.start())
        await asyncio.sleep(0)
    elapsed = time.perf_counter() - started
    return {"spawns_per_s": count / elapsed, "kb_per_actor": (resident_kb() - before_kb) / len(kept)}


async def calls(count: int) -> dict[str, float]:
    """Calls one actor `count` times in a row."""
    ref = Bare.start()
    started = time.perf_counter()
    for index in range(count):
        await ref.ask(index, block=False)
    return {"calls_per_s": count / (time.perf_counter() - started)}


async def tells(count: int) -> dict[str, float]:
    """Sends one batch; the reply to the last one says that all have been handled."""
    ref = Bare.start()
    started = time.perf_counter()
    for index in range(count - 1):
        ref.tell(index)
    await ref.ask(count, block=False)
    return {"tells_per_s": count / (time.perf_counter() - started)}


async def waiting(count: int) -> dict[str, float]:
    """Lets `count` actors wait 200 ms at once; with and without the time their start took."""
    started = time.perf_counter()
    refs = [Bare.start() for _ in range(count)]
    spawned = time.perf_counter()
    await asyncio.gather(*(ref.ask(0.2, block=False) for ref in refs))
    finished = time.perf_counter()
    return {"seconds": finished - spawned, "seconds_with_start": finished - started}


WHAT: dict[str, Callable[[int], Awaitable[dict[str, float]]]] = {
    "spawn": spawn,
    "calls": calls,
    "tells": tells,
    "waiting": waiting,
}


async def main(what: str, count: int) -> None:
    """Prints one measurement as JSON and leaves without stopping the actors."""
    print(json.dumps(await WHAT[what](count)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
