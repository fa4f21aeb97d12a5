"""How an actor uses a file whose code blocks: on a thread, one use at a time, closed however the actor ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from actors.kernel import Actor
from actors.treasury.messages import LedgerClosedError


class _File(Protocol):
    def close(self) -> None: ...


F = TypeVar("F", bound=_File)
T = TypeVar("T")


class FileAccess(Generic[F]):
    """Of one actor. The file is opened with its first use."""

    def __init__(self, actor: Actor, open_file: Callable[[], F]) -> None:
        self._spawn_task = actor.spawn_task
        self._open_file = open_file
        self._file: F | None = None
        self._at_file = asyncio.Lock()
        self._in_use = threading.Lock()
        self._released = False

    async def use(self, work: Callable[[F], T]) -> T:
        """What `work` gives. It belongs to the actor and not to who asked for it: a caller that leaves must not let a
        second thread to the file. Raises `LedgerClosedError`."""
        given: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._spawn_task(self._give(work, given))
        return await given

    async def finish(self, last: Callable[[F], object] | None, failed: Callable[[LedgerClosedError], object]) -> None:
        """Does `last` with the file, if it was ever opened, and closes it. That waits for whatever a thread still does
        with it, also when who asked for that is gone."""
        async with self._at_file:
            try:
                await asyncio.to_thread(self._finish_now, last)
            except LedgerClosedError as error:
                failed(error)

    def release(self) -> None:
        """After a kill nobody has closed the file. One that a thread has in its hands is closed by that thread."""
        self._released = True
        if self._in_use.acquire(blocking=False):
            try:
                self._close_now()
            finally:
                self._in_use.release()

    async def _give(self, work: Callable[[F], T], given: asyncio.Future[Any]) -> None:
        async with self._at_file:
            try:
                value = await asyncio.to_thread(self._use, work)
            except LedgerClosedError as error:
                if not given.done():
                    given.set_exception(error)
            else:
                if not given.done():
                    given.set_result(value)

    def _use(self, work: Callable[[F], T]) -> T:
        with self._in_use:
            try:
                if self._released:
                    raise LedgerClosedError("this Treasury has ended")
                if self._file is None:
                    self._file = self._open_file()
                return work(self._file)
            finally:
                if self._released:
                    self._close_now()

    def _finish_now(self, last: Callable[[F], object] | None) -> None:
        # By two threads at the same time SQLite's connections end the whole process.
        with self._in_use:
            try:
                if self._file is not None and last is not None:
                    last(self._file)
            finally:
                self._close_now()

    def _close_now(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
