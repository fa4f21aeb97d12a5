"""`BlockingActor`: the same actor, but its hooks and handlers run on a thread of its own.

For code that blocks: databases, files, foreign libraries. Mailbox, links, monitors, names, timers and supervision
are the kernel's; only the user's code runs elsewhere, on a `pykka.ThreadingActor` that does nothing but run it. A
thread cannot be killed: when such an actor is killed its exit is complete at once for everybody else, the thread is
abandoned, and whatever its code still returns is dropped.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pykka

from actors.kernel.actor import Actor

_log = logging.getLogger("evopipe.kernel")


class _Hands(pykka.ThreadingActor):
    """Runs what it is given, one thing after another."""

    use_daemon_thread = True

    def on_receive(self, message: Any) -> Any:
        message()


class BlockingActor(Actor):
    """Base for actors whose handlers block. Handlers are plain functions and run on this actor's own thread.

    Inside a handler use `ref.tell` and `ref.ask`; `defer`, `spawn_task` and timers belong to the loop and are not
    for handlers here.
    """

    _hands: pykka.ActorRef[_Hands] | None = None
    _hands_ident: int | None = None

    def start_hook(self) -> Any:
        self._hands = _Hands.start()
        return self._on_thread(self.on_start)

    def receive(self, message: Any) -> Any:
        return self._on_thread(lambda: Actor.receive(self, message))

    def stop_hook(self) -> Any:
        if type(self).on_stop is Actor.on_stop:
            return None
        return lambda: self._on_thread(self.on_stop)

    def passivate_hook(self) -> Any:
        hook = super().passivate_hook()
        return None if hook is None else lambda: self._on_thread(hook)

    def on_release(self) -> None:
        """Override to give back what the thread holds (a file, a connection). Runs on the thread as its very last work,
        however the actor ended, killed included; then after whatever code the kill cut off, if that ever returns. What
        it raises goes to the log, because nobody is left to hear of it.
        """

    def release(self) -> None:
        """Lets the thread go: it ends once the code it runs returns."""
        hands = self._hands
        if hands is None:
            return
        if type(self).on_release is not BlockingActor.on_release:
            hands.tell(self._let_go)
        hands.stop(block=False)

    def _let_go(self) -> None:
        try:
            self.on_release()
        except BaseException:  # noqa: BLE001 - the thread ends now, and pykka would stop every actor for a BaseException
            _log.exception("%s could not give back what it held", type(self).__name__)

    async def _on_thread(self, code: Callable[[], Any]) -> Any:
        loop = self.kernel.loop
        context = contextvars.copy_context()  # so that the thread's own asks know who is waiting
        done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

        def run_and_report() -> None:
            self._hands_ident = threading.get_ident()
            try:
                value, error = context.run(code), None
            except BaseException as raised:  # noqa: BLE001 - carried back to the loop, where it is this actor's crash
                value, error = None, raised
            with suppress(RuntimeError):  # the loop closed meanwhile: nobody is left to hear of it
                loop.call_soon_threadsafe(_settle, done, value, error)

        assert self._hands is not None
        self._hands.tell(run_and_report)
        value, error = await done
        if error is not None:
            raise error
        return value

    @property
    def hands_ident(self) -> int | None:
        """The identity of the thread that ran the last hook or handler; None before the first."""
        return self._hands_ident

    @property
    def thread_ident(self) -> int:
        """The identity of the thread that runs the handlers, read from within one of them."""
        return threading.get_ident()


def _settle(done: asyncio.Future[tuple[Any, BaseException | None]], value: Any, error: BaseException | None) -> None:
    if not done.done():
        done.set_result((value, error))
