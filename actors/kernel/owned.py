"""What an actor runs beside its handlers, and the replies that it still owes. Both end with the actor."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeGuard

from actors.kernel import termination
from actors.kernel.errors import ActorDeadError, KernelClosedError
from actors.kernel.events import ErrorUnheard
from actors.kernel.exits import Crashed
from actors.kernel.messages import ReplyTo, settle, settle_error

if TYPE_CHECKING:
    from actors.kernel.cell import Cell


def own(
    cell: Cell,
    work: Coroutine[Any, Any, Any],
    reply: ReplyTo | None,
    *,
    told: bool = False,
    then: Callable[[asyncio.Task[Any]], object] | None = None,
) -> asyncio.Task[Any]:
    """Runs `work` as a task that dies with this actor; its value answers `reply`. A dead actor's is not begun.

    `told`: the work is the answer to a message whose sender does not wait. `then` is called when the task is done.
    """
    if cell.owned is None:
        cell.owned = {}
    running = _run(cell, work, reply, told, cell.item if cell.call is None else cell.call)
    task = cell.kernel.start_task(running, cell, handler=False, inner=work, owned=cell.owned, then=then)
    if cell.status == "dead":
        task.cancel()
        return task
    cell.owned[task] = None
    if reply is not None:
        if cell.pending is None:
            cell.pending = {}
        cell.pending[reply] = None
        reply.add_done_callback(lambda done: _caller_done(cell, done, task))
    return task


def is_coroutine(result: object) -> TypeGuard[Coroutine[Any, Any, Any]]:
    """Whether a handler's value has to be awaited. Asked of the abstract class alone, the values that most handlers
    answer with would take longer than their whole turn.
    """
    if result.__class__ is CoroutineType:
        return True
    try:
        sends = hasattr(result, "send")
    except Exception:  # noqa: BLE001 - the value is foreign code, which may answer this with anything
        sends = True
    return sends and isinstance(result, Coroutine)


def take_reply(cell: Cell) -> ReplyTo | None:
    """Takes the current call's reply for later; the handler's own value then goes nowhere."""
    call, cell.call = cell.call, None
    if call is None:
        return None
    reply: ReplyTo = call.reply
    if cell.pending is None:
        cell.pending = {}
    cell.pending[reply] = None
    # Who awaits it on the loop forgets it without that, see `ActorRef.call`.
    if not isinstance(call.reply, asyncio.Future):
        reply.add_done_callback(lambda done: forget_reply(cell, done))
    return reply


def forget_reply(cell: Cell, reply: Any) -> None:
    """This reply was given, or its caller gave up. From any thread."""
    if cell.pending is not None:
        cell.pending.pop(reply, None)


def transportable(error: BaseException) -> BaseException:
    """What a future can carry: futures refuse StopIteration, and a cancellation would look like the caller's own."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    carried = ActorDeadError("the callee", Crashed(error))
    carried.__cause__ = error
    return carried


async def _run(cell: Cell, work: Coroutine[Any, Any, Any], reply: ReplyTo | None, told: bool, item: Any) -> None:
    try:
        value = await work
    except BaseException as error:  # noqa: BLE001 - an actor's crash is an exit reason, never its kernel's
        if cell.reason is not None or (isinstance(error, asyncio.CancelledError) and _on_purpose(reply)):
            return
        if reply is not None:
            settle_error(reply, transportable(error))
        if not ((told or reply is not None) and isinstance(error, cell.actor_class.expected_errors)):
            cell.kernel.crashes.note(cell, "deferred work" if told or reply is not None else "owned task", item)
            termination.begin_exit(cell, Crashed(error))
        elif reply is None:
            cell.kernel.events.publish(ErrorUnheard(cell.ref, error))
    else:
        if reply is not None and cell.status != "dead":
            settle(reply, value)


def _on_purpose(reply: ReplyTo | None) -> bool:
    """Whether the running task was cancelled by those who may: its actor, by the task, or its caller."""
    if reply is not None:
        return reply.cancelled()
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _caller_done(cell: Cell, reply: Any, task: asyncio.Task[Any]) -> None:
    """Runs on whatever thread ended the reply: a caller on another thread gives up on its own one."""
    forget_reply(cell, reply)
    if not reply.cancelled():
        return
    if threading.get_ident() == cell.kernel.thread_id:
        task.cancel()
    else:
        with suppress(KernelClosedError):  # then the task is gone as well
            cell.kernel.call_soon_threadsafe(task.cancel)
