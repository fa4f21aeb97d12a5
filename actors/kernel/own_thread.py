"""`OwnThread`: a thread of one actor for code that blocks, such as a database's.

It is a `pykka.ThreadingActor` that does nothing but run what it is given, one thing after another. A thread cannot be
killed: when its actor ends it is let go, ends once the code that it runs returns, and whatever that still returns is
dropped.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pykka

if TYPE_CHECKING:
    from actors.kernel.cell import Cell

_log = logging.getLogger("evopipe.kernel")


class _Hands(pykka.ThreadingActor):
    """Runs what it is given."""

    use_daemon_thread = True

    @staticmethod
    def _create_actor_inbox() -> Any:
        # Waking the thread is most of what a commit costs; the pure Python queue of pykka's takes twice as long for it.
        return queue.SimpleQueue[Any]()

    def on_receive(self, message: Any) -> Any:
        message()


class OwnThread:
    """The thread of the actor with this control block. It is the actor's to let go, in its `release`."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._hands: pykka.ActorRef[_Hands] = _Hands.start()
        #: The identity of the thread; None before it has run anything.
        self.ident: int | None = None

    async def run(self, code: Callable[[], Any], timeout_s: float | None = None) -> Any:
        """Runs `code` behind what the thread was given before; its value, or whatever it raises.

        Raises `CallTimeout` when that takes longer than `timeout_s` seconds; the code is not stopped by it.
        """
        kernel = self._cell.kernel
        context = contextvars.copy_context()  # so that the thread's own asks know who is waiting
        done: asyncio.Future[tuple[Any, BaseException | None]] = kernel.loop.create_future()
        # Emptied as it is run: the thread holds its last message until the next one comes, and a reply may be large.
        errand = [(code, done)]

        def run_and_report() -> None:
            code, done = errand.pop()
            self.ident = threading.get_ident()
            try:
                value, error = context.run(code), None
            except BaseException as raised:  # noqa: BLE001 - carried back to the loop, where it is this actor's crash
                value, error = None, raised
            with suppress(RuntimeError):  # the loop closed meanwhile: nobody is left to hear of it
                kernel.loop.call_soon_threadsafe(_settle, done, value, error)

        self._hands.tell(run_and_report)
        if timeout_s is None:
            value, error = await done
        else:
            deadline = kernel.deadlines.queue(timeout_s)
            deadline.add(done, self._cell)
            try:
                value, error = await done
            finally:
                deadline.take_off(done)
        if error is not None:
            raise error
        return value

    def let_go(self, last: Callable[[], None] | None = None) -> None:
        """Ends the thread once it has run `last`, behind whatever it runs now. Waits for nothing; what `last` raises
        goes to the log, because nobody is left to hear of it."""
        if last is not None:
            self._hands.tell(lambda: self._try(last))
        self._hands.stop(block=False)

    def _try(self, last: Callable[[], None]) -> None:
        try:
            last()
        except BaseException:  # noqa: BLE001 - the thread ends now, and pykka would stop every actor for a BaseException
            _log.exception("%s could not give back what it held", self._cell.actor_class.__name__)


def _settle(done: asyncio.Future[tuple[Any, BaseException | None]], value: Any, error: BaseException | None) -> None:
    if not done.done():
        done.set_result((value, error))
