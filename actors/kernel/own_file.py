"""`OwnFile`: how an actor uses a file whose code blocks, such as a database's.

On a thread of its own: so no two threads ever have the file in their hands, which SQLite's connections do not survive,
and the uses come one at a time in the order of asking without a lock.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from actors.kernel import termination
from actors.kernel.errors import ActorDeadError, KernelClosedError
from actors.kernel.exits import Crashed, Normal
from actors.kernel.own_thread import OwnThread

if TYPE_CHECKING:
    from actors.kernel.cell import Cell


class _File(Protocol):
    def close(self) -> None: ...


F = TypeVar("F", bound=_File)
T = TypeVar("T")


class OwnFile(Generic[F]):
    """A file of the actor with this control block, which closes it in its `on_stop` and releases it in its `release`.

    The thread begins and `open_file` runs with the first use; an open that failed is tried again by the next use.
    `answers` are the file's errors that go to who asked for the use. Any other one ends the actor, also when who asked
    is gone.
    """

    def __init__(self, cell: Cell, open_file: Callable[[], F], answers: type[Exception]) -> None:
        self._cell = cell
        self._open_file = open_file
        self._answers = answers
        self._thread: OwnThread | None = None
        self._file: F | None = None  # the thread's
        self._ended = False  # nothing more is asked for
        self._released = False  # nothing more is begun

    async def use(self, work: Callable[[F], T]) -> T:
        """What `work` gives, behind every use that was asked for before.

        It belongs to the actor and not to who asked: whoever leaves leaves the use in its place, and asking again
        queues behind it. Raises one of `answers`, and `ActorDeadError` once the file was closed. Has no deadline.
        """
        if self._ended:
            raise ActorDeadError(str(self._cell), self._cell.reason or Normal())
        if self._thread is None:
            self._thread = OwnThread(self._cell)
        return await self._thread.run(partial(self._use, work))

    async def close(self, last: Callable[[F], object] | None = None) -> None:
        """Does `last` with the file, if it is open, behind every use that was asked for, and closes it. Raises what
        `last` raises; the file is closed all the same. Cut off by a kill, it leaves `last` undone unless it has
        begun."""
        self._ended = True
        if self._thread is not None:
            await self._thread.run(partial(self._close, last))

    def release(self) -> None:
        """Lets the thread go, and waits for nothing. After a kill nobody has closed the file: what the thread is at
        comes to its end, what is queued is not begun, and the file is closed."""
        self._ended = self._released = True
        if self._thread is not None:
            self._thread.let_go(self._close)

    # ---- on the thread -------------------------------------------------------------------------------------

    def _use(self, work: Callable[[F], T]) -> T:
        if self._released:
            raise ActorDeadError(str(self._cell), self._cell.reason or Normal())
        try:
            if self._file is None:
                self._file = self._open_file()
            return work(self._file)
        except self._answers:
            raise
        except BaseException as error:
            with suppress(KernelClosedError):  # nobody is left who could crash
                self._cell.kernel.call_soon_threadsafe(self._crash, error)
            raise

    def _close(self, last: Callable[[F], object] | None = None) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            if last is not None and not self._released:
                last(file)
        finally:
            file.close()

    # ---- on the loop ---------------------------------------------------------------------------------------

    def _crash(self, error: BaseException) -> None:
        cell = self._cell
        cell.kernel.crashes.note(cell, "use of its file")
        termination.begin_exit(cell, Crashed(error))
