"""`BlockingActor`: the same actor, but its hooks and handlers run on a thread of its own.

For code that blocks: databases, files, foreign libraries. Mailbox, links, monitors, names, timers and supervision
are the kernel's; only the user's code runs elsewhere, on its `OwnThread`. When such an actor is killed its exit is
complete at once for everybody else, and the thread is abandoned.
"""

from __future__ import annotations

import threading
from typing import Any

from actors.kernel.actor import Actor
from actors.kernel.own_thread import OwnThread


class BlockingActor(Actor):
    """Base for actors whose handlers block. Handlers are plain functions and run on this actor's own thread.

    Inside a handler use `ref.tell` and `ref.ask`; `defer`, `spawn_task` and timers belong to the loop and are not
    for handlers here.
    """

    def start_hook(self) -> Any:
        self.own_thread = thread = OwnThread(self._cell)
        return thread.run(self.on_start)

    def receive(self, message: Any) -> Any:
        assert self.own_thread is not None
        return self.own_thread.run(lambda: Actor.receive(self, message))

    def stop_hook(self) -> Any:
        thread = self.own_thread
        if thread is None or type(self).on_stop is Actor.on_stop:
            return None
        return lambda: thread.run(self.on_stop)

    def passivate_hook(self) -> Any:
        hook, thread = super().passivate_hook(), self.own_thread
        return None if hook is None or thread is None else lambda: thread.run(hook)

    def on_release(self) -> None:
        """Override to give back what the thread holds (a file, a connection). Runs on the thread as its very last work,
        however the actor ended, killed included; then after whatever code the kill cut off, if that ever returns. What
        it raises goes to the log, because nobody is left to hear of it.
        """

    def release(self) -> None:
        """Lets the thread go: it ends once the code it runs returns."""
        if self.own_thread is not None:
            self.own_thread.let_go(None if type(self).on_release is BlockingActor.on_release else self.on_release)

    @property
    def thread_ident(self) -> int:
        """The identity of the thread that runs the handlers, read from within one of them."""
        return threading.get_ident()
