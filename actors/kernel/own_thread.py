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

from actors.kernel import termination
from actors.kernel.cores import stay_on
from actors.kernel.exits import Crashed

if TYPE_CHECKING:
    from actors.kernel.cell import Cell

_log = logging.getLogger("evopipe.kernel")

Then = Callable[[Any, BaseException | None], object]
"""Takes what a piece of code gave, or what it raised."""


class _Hands(pykka.ThreadingActor):
    """Runs what it is given."""

    use_daemon_thread = True

    @staticmethod
    def _create_actor_inbox() -> Any:
        # Waking the thread is most of what a commit costs; the pure Python queue of pykka's takes twice as long for it.
        return queue.SimpleQueue[Any]()

    def on_receive(self, message: Any) -> Any:
        message()


class _Errand:
    """One piece of code on its way through the thread and back. On the loop it is what a deadline ends."""

    __slots__ = ("_cell", "_code", "_context", "_deadline", "_then", "_thread")

    def __init__(
        self,
        thread: OwnThread,
        code: Callable[[], Any],
        then: Then,
        timeout_s: float | None,
        context: contextvars.Context | None = None,
    ) -> None:
        self._thread = thread
        self._cell = cell = thread.cell
        self._code: Callable[[], Any] | None = code
        self._then: Then | None = then
        self._context = context
        self._deadline = None if timeout_s is None else cell.kernel.deadlines.queue(timeout_s)
        if self._deadline is not None:
            self._deadline.add(self, cell)

    def __call__(self) -> None:
        """On the thread, which holds its last errand until the next one comes: what that knows may be large."""
        code, self._code = self._code, None
        assert code is not None
        self._thread.ready()
        try:
            value, error = (code() if self._context is None else self._context.run(code)), None
        except BaseException as raised:  # noqa: BLE001 - carried back to the loop, where it is this actor's crash
            value, error = None, raised
        with suppress(RuntimeError):  # the loop closed meanwhile: nobody is left to hear of it
            self._cell.kernel.loop.call_soon_threadsafe(self._bring, value, error)

    def _bring(self, value: Any, error: BaseException | None) -> None:
        then = self._then
        if then is not None:
            self.end()
            then(value, error)

    def end(self) -> None:
        """Whatever it still brings is dropped."""
        self._then = None
        if self._deadline is not None:
            self._deadline.take_off(self)

    def done(self) -> bool:
        """Whether it is too late for a deadline: it is over, or nobody is left to hear of it."""
        return self._then is None or self._cell.status == "dead"

    def set_exception(self, error: BaseException) -> None:
        """Its time is up."""
        self._bring(None, error)


class OwnThread:
    """The thread of the actor with this control block. It is the actor's to let go, in its `release`."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self._hands: pykka.ActorRef[_Hands] = _Hands.start()
        #: The identity of the thread; None before it has run anything.
        self.ident: int | None = None
        self._cores = cell.kernel.cores

    def ready(self) -> None:
        """On the thread, before it runs something: where the kernel's threads are wanted."""
        self.ident = threading.get_ident()
        cores = self.cell.kernel.cores
        if cores is not self._cores:
            self._cores = cores
            stay_on(cores)

    def begin(self, code: Callable[[], Any], then: Then, timeout_s: float | None = None) -> None:
        """Runs `code` behind what the thread was given before, and then, on the loop, `then` with its value and None,
        or with None and what it raised: `CallTimeout` when it took longer than `timeout_s` seconds, which does not stop
        it. Nothing is called for an actor that has ended meanwhile. What `then` raises is the actor's crash.
        """
        cell = self.cell

        def heard(value: Any, error: BaseException | None) -> None:
            if cell.status == "dead":
                return
            try:
                then(value, error)
            except BaseException as crash:  # noqa: BLE001 - an actor's crash is an exit reason, never its kernel's
                cell.kernel.crashes.note(cell, "owned thread", None)
                termination.begin_exit(cell, Crashed(crash))

        self._hands.tell(_Errand(self, code, heard, timeout_s))

    async def run(self, code: Callable[[], Any], timeout_s: float | None = None) -> Any:
        """Runs `code` behind what the thread was given before; its value, or whatever it raises.

        Raises `CallTimeout` when that takes longer than `timeout_s` seconds; the code is not stopped by it.
        """
        # Value and error as a pair: a future refuses some errors, and complains of one that nobody is left to hear.
        done: asyncio.Future[tuple[Any, BaseException | None]] = self.cell.kernel.loop.create_future()

        def heard(value: Any, error: BaseException | None) -> None:
            if not done.done():
                done.set_result((value, error))

        context = contextvars.copy_context()  # so that the thread's own asks know who is waiting
        errand = _Errand(self, code, heard, timeout_s, context)
        self._hands.tell(errand)
        try:
            value, error = await done
        finally:
            errand.end()
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
            _log.exception("%s could not give back what it held", self.cell.actor_class.__name__)
