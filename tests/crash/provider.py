"""The provider that counts: the wire server in a thread of its own, which outlives every node."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.wire import Answered, Behaviour, WireServer
from tests.wire.dialect import Dialect
from tests.wire.http import HttpRequest

_life: ContextVar[int] = ContextVar("life")
MARK = re.compile(r"call-\d+-\w+")
LONGEST_ANSWER_S = 0.06


@dataclass(frozen=True, slots=True)
class Made:
    """One call as it arrived: its own mark (the last in its prompt), its idempotency key and the node's life, and the
    tokens that its answer says it took, in and out."""

    mark: str
    key: str
    life: int
    tokens: tuple[int, int] = (0, 0)


class CountingServer(WireServer):
    """Answers after a while, so that calls are in flight when a node dies. `life` is the life of the node that connects
    from now on; `made` and `arrivals` are safe to read from other threads."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self.life = 0
        self.made: list[Made] = []
        self.arrivals = threading.Condition()
        self._rng = rng

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Of the connection and not of the moment: what a dead node has sent may be read when the next one lives.
        _life.set(self.life)
        super()._accept(reader, writer)

    def _record(self, dialect: Dialect, request: HttpRequest, body: dict[str, Any], prompt: str) -> None:
        super()._record(dialect, request, body, prompt)
        key = request.headers.get("idempotency-key", "")
        usage = dialect.answer(request, body, Answered())["usage"]
        tokens = (usage["input_tokens"], usage["output_tokens"])
        made = Made(MARK.findall(prompt)[-1], key, _life.get(), tokens)
        with self.arrivals:
            self.made.append(made)
            self.arrivals.notify_all()

    async def _behave(
        self,
        behaviour: Behaviour,
        dialect: Dialect,
        request: HttpRequest,
        body: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        await asyncio.sleep(self._rng.random() * LONGEST_ANSWER_S)
        return await super()._behave(behaviour, dialect, request, body, reader, writer)

    def wait_for_calls(self, count: int, timeout_s: float) -> bool:
        """Whether so many calls have arrived in all before the time is up."""
        with self.arrivals:
            return self.arrivals.wait_for(lambda: len(self.made) >= count, timeout_s)


@contextmanager
def provider(rng: Random) -> Generator[CountingServer]:
    """A server that runs until the end of the block."""
    server = CountingServer(rng)
    ready = threading.Event()
    ended = threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    faults: list[BaseException] = []

    async def serve() -> None:
        leave = asyncio.Event()
        loops.append((asyncio.get_running_loop(), leave))
        async with server:
            ready.set()
            await leave.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            faults.append(error)
        finally:
            ready.set()
            ended.set()

    threading.Thread(target=run, name="provider", daemon=True).start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        for loop, leave in loops:
            if not ended.is_set():
                loop.call_soon_threadsafe(leave.set)
        assert ended.wait(10), "the provider server does not end"
    assert not faults, faults
