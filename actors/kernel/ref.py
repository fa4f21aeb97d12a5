"""References to actors: pykka's API, plus `call`, `kill`, `exit` and refs by name.

A ref by identity means one incarnation for ever; a ref by name is resolved at each send, so it reaches the actor
that holds the name then. All methods may be used from any thread; `call` from any event loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pykka

from actors.kernel.cell import Cell, handling_cell
from actors.kernel.delivery import dropped, push_call, push_quietly, push_stop, refuse_cycles, send_exit, wait_for_room
from actors.kernel.errors import ActorDeadError, CallTimeout
from actors.kernel.events import CallTimedOut
from actors.kernel.exits import ExitReason, Killed, NoProcess
from actors.kernel.future import ActorFuture
from actors.kernel.messages import Call

if TYPE_CHECKING:
    from actors.kernel.actor import Actor
    from actors.kernel.kernel import Kernel

A = TypeVar("A", bound="Actor")

DEFAULT_CALL_TIMEOUT_S = 5.0


class ActorRef(pykka.ActorRef[A]):
    """A reference to one incarnation of an actor. Compared by identity, like a pid."""

    def __init__(self, kernel: Kernel, cell: Cell | None) -> None:
        # pykka's own __init__ would read attributes of a finished actor; ours are looked up when asked for
        self._kernel = kernel
        self._cell = cell

    def resolve(self) -> Cell | None:
        """The control block this ref means now; for the kernel and its supervisors."""
        return self._cell

    # ---- identity ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str | None:
        """The registered name, if any."""
        cell = self.resolve()
        return None if cell is None else cell.name

    @property
    def actor_class(self) -> type[A]:  # pyright: ignore[reportIncompatibleVariableOverride] - read-only here
        cell = self.resolve()
        if cell is None:
            raise ActorDeadError(str(self), NoProcess())
        return cast("type[A]", cell.actor_class)

    @property
    def actor_urn(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - read-only here
        cell = self.resolve()
        return f"urn:evopipe:{cell.id if cell is not None else 0}"

    @property
    def _actor_weakref(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride] - pykka's proxy reads it
        cell = self.resolve()
        actor = None if cell is None else cell.actor
        return (lambda: None) if actor is None else weakref.ref(actor)

    def __str__(self) -> str:
        return str(self._cell)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def is_alive(self) -> bool:
        """Whether messages sent now would be taken."""
        cell = self.resolve()
        return cell is not None and cell.reason is None

    @property
    def exit_reason(self) -> ExitReason | None:
        """Why the actor ended; None while it lives."""
        cell = self.resolve()
        return NoProcess() if cell is None else (cell.reason if cell.status == "dead" else None)

    # ---- messages ------------------------------------------------------------------------------------------

    def tell(self, message: Any) -> None:
        """Sends without waiting. Raises `ActorDeadError`, or `MailboxFull` when the mailbox rejects.

        From another thread the message is handed to the loop; then a full mailbox drops it with a
        `MailboxOverflowed` event.
        """
        cell = self.resolve()
        if cell is None:
            raise ActorDeadError(str(self), NoProcess())
        kernel = self._kernel
        if threading.get_ident() == kernel.thread_id:
            cell.push(message)
        else:
            if cell.reason is not None:
                raise ActorDeadError(str(self), cell.reason)
            kernel.call_soon_threadsafe(push_quietly, cell, message)

    async def call(self, message: Any, timeout_s: float | None = DEFAULT_CALL_TIMEOUT_S) -> Any:
        """Sends and waits for the reply.

        Raises at once `ActorDeadError` when nobody is there or the callee dies meanwhile, the handler's own
        exception, `DeadlockError` for a call that could never be answered, and `CallTimeout` after `timeout_s`
        (None: no deadline; then the caller must be bounded by something else). Cancelling the caller drops the
        reply.
        """
        kernel = self._kernel
        if threading.get_ident() != kernel.thread_id:
            return await self._call_from_elsewhere(message, timeout_s)
        cell = self.resolve()
        if cell is None:
            raise ActorDeadError(str(self), NoProcess())
        caller = handling_cell.get()
        if caller is not None:
            refuse_cycles(caller, cell)
            caller.waiting_on = cell
        reply: asyncio.Future[Any] = kernel.loop.create_future()
        deadline = None
        if timeout_s is not None:
            deadline = kernel.deadlines.queue(timeout_s)
            deadline.add(reply, cell)
        try:
            if not cell.has_room() and cell.actor_class.mailbox_policy == "reject":
                await wait_for_room(cell, reply)
            if not reply.done():
                cell.push(Call(message, reply))
            return await reply
        finally:
            if deadline is not None:
                deadline.take_off(reply)
            if cell.pending is not None:
                cell.pending.pop(reply, None)  # a callback of the reply would cost a turn of the loop in every call
            if caller is not None:
                caller.waiting_on = None

    async def _call_from_elsewhere(self, message: Any, timeout_s: float | None) -> Any:
        cell = self.resolve()
        future = self._submit(message, patient=True)
        waiting = asyncio.wrap_future(future)
        try:
            done, _ = await asyncio.wait({waiting}, timeout=timeout_s)
        except asyncio.CancelledError:
            waiting.cancel()
            raise
        if done:
            return waiting.result()
        # Not cancelled: a timeout leaves the callee at its work, as it does for callers on the kernel's own loop.
        waiting.add_done_callback(dropped)
        if cell is not None:
            late = CallTimedOut(cell.ref, timeout_s or 0.0)
            self._kernel.call_soon_threadsafe(self._kernel.events.publish, late)
        raise CallTimeout(str(self), timeout_s or 0.0)

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:  # type: ignore[override]
        """pykka's `ask`: blocks for the reply, or gives an `ActorFuture` with `block=False`.

        Blocking on the loop's own thread raises `DeadlockError`: use `await ref.call(...)` there. So does a
        `BlockingActor` that asks itself or round a cycle. A blocking ask waits for room in a full mailbox; with
        `block=False` its future then fails with `MailboxFull`.
        """
        future = ActorFuture(self._kernel.thread_id)
        if not block:
            future.inner = self._submit(message, patient=False)
            return future
        caller, callee = handling_cell.get(), self.resolve()
        if caller is None or callee is None:
            future.inner = self._submit(message, patient=True)
            return future.get(timeout=timeout)
        refuse_cycles(caller, callee)
        caller.waiting_on = callee
        try:
            future.inner = self._submit(message, patient=True)
            return future.get(timeout=timeout)
        finally:
            caller.waiting_on = None

    def _submit(self, message: Any, *, patient: bool) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        cell = self.resolve()
        if cell is None or cell.reason is not None:
            reason = NoProcess() if cell is None else cell.reason
            future.set_exception(ActorDeadError(str(self), reason or NoProcess()))
        elif threading.get_ident() == self._kernel.thread_id:
            push_call(cell, Call(message, future))
        else:
            self._kernel.call_soon_threadsafe(push_call, cell, Call(message, future), patient)
        return future

    # ---- endings -------------------------------------------------------------------------------------------

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:  # type: ignore[override]
        """Asks the actor to stop behind what is queued. True when it was there, False when it was dead already.

        On the loop's own thread it never blocks and returns an awaitable future; elsewhere as in pykka.
        """
        future = ActorFuture(self._kernel.thread_id)
        on_loop = threading.get_ident() == self._kernel.thread_id
        cell = self.resolve()
        if cell is None or cell.status == "dead":
            future.set(False)
        elif on_loop:
            push_stop(cell, future.inner)
        else:
            self._kernel.call_soon_threadsafe(push_stop, cell, future.inner)
        return future.get(timeout=timeout) if block and not on_loop else future

    async def wait_exit(self) -> ExitReason:
        """Returns the exit reason once the actor has ended; at once when it is dead. On the kernel's loop only."""
        cell = self.resolve()
        if cell is None:
            return NoProcess()
        if cell.status != "dead":
            ended: asyncio.Future[Any] = self._kernel.loop.create_future()
            cell.add_stop_waiter(ended)
            await ended
        return cell.reason or NoProcess()

    def kill(self) -> None:
        """Ends the actor now: its handler is cut off, `on_stop` does not run, others see `Killed`."""
        self.exit(Killed())

    def exit(self, reason: ExitReason) -> None:
        """Tells the actor to end with `reason`: a running handler is interrupted (an actor that traps exits may
        finish it), then `on_stop` runs. `Killed` is `kill`.
        """
        cell = self.resolve()
        if cell is None:
            return
        if threading.get_ident() == self._kernel.thread_id:
            send_exit(cell, reason)
        else:
            self._kernel.call_soon_threadsafe(send_exit, cell, reason)
