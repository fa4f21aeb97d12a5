"""A file that one thread at a time may use, whatever becomes of who asked for it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from actors.kernel import Actor, Kernel
from actors.treasury.file_access import FileAccess
from tests.actors_for_tests import settle
from tests.support import run


class Watched:
    """Says when it is used by two at the same time. Its use waits for the gate."""

    def __init__(self) -> None:
        self.used = threading.Event()
        self.gate = threading.Event()
        self.at_it = 0
        self.log: list[str] = []

    def use(self) -> None:
        self._note("used", wait=True)

    def close(self) -> None:
        self._note("closed")

    def _note(self, what: str, *, wait: bool = False) -> None:
        self.at_it += 1
        self.used.set()
        if wait:
            self.gate.wait(10)
        self.log.append(what if self.at_it == 1 else f"{what} by two")
        self.at_it -= 1


class Owner(Actor):
    def __init__(self, file: Watched) -> None:
        super().__init__()
        self.access = FileAccess(self, lambda: file)

    def on_receive(self, message: Any) -> Any:
        return self.defer(self.access.use(Watched.use))

    async def on_stop(self) -> None:
        await self.access.finish(lambda file: file.log.append("last words"), lambda _: None)


def test_a_file_is_not_closed_while_a_thread_uses_it_for_somebody_who_is_gone() -> None:
    """As when a loop is torn down: every task is cancelled at once, and threads go on."""

    async def main() -> None:
        kernel, file = Kernel(), Watched()
        owner = await kernel.spawn(Owner, file)
        owner.tell("use it")
        await asyncio.to_thread(file.used.wait, 10)
        for task in kernel.tasks:
            task.cancel()
        ending = asyncio.ensure_future(kernel.shutdown())
        await settle(500)  # time for a close that does not wait
        file.gate.set()
        await ending
        assert file.log == ["used", "last words", "closed"]

    run(main())
