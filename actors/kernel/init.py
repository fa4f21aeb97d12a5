"""The slow half of a start: an `on_start` that has to be awaited, with its deadline, its kill and its callers; and the
undoing of a start that failed, slow or not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from actors.kernel import termination
from actors.kernel.cell import handling_cell
from actors.kernel.errors import StartError
from actors.kernel.exits import Crashed, ExitReason, Shutdown
from actors.kernel.messages import Ignore, settle

if TYPE_CHECKING:
    from actors.kernel.cell import Cell


class Failure:
    """Carries a BaseException out of an init's task, which asyncio would otherwise let stop the loop."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


async def guarded(hook: Coroutine[Any, Any, Any]) -> Any:
    """What the task of an init runs: gives its value, or a `Failure`."""
    try:
        return await hook
    except BaseException as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # ours: the actor was told to end
        return Failure(error)


def succeeded(task: asyncio.Task[Any]) -> bool:
    """Whether this finished init came to a good end."""
    return task.done() and not task.cancelled() and not isinstance(task.result(), Failure | Ignore)


async def wait_for(cell: Cell, start_timeout_s: float | None) -> Any:
    """Gives what the init came to, maybe a `Failure`. Raises `StartError` when the actor has ended without it.

    An init that outlives its deadline or a kill is cut off, and abandoned if it will not go.
    """
    task = cell.task
    starter = handling_cell.get()
    if starter is not None:  # blocked until init is over, so init must not call it
        starter.waiting_on = cell
    deadline = None
    if start_timeout_s is not None:
        deadline = cell.kernel.clock.call_later(start_timeout_s, _expire, cell, start_timeout_s)
    try:
        if task is not None and cell.reason is None:
            await _init_or_exit(cell, task)
        if cell.reason is not None:
            await cell.ref.wait_exit()
    except asyncio.CancelledError:
        termination.begin_exit(cell, Shutdown("its start was called off"), brutal=True)
        raise
    finally:
        if starter is not None:
            starter.waiting_on = None
        if deadline is not None:
            deadline.cancel()
    if cell.reason is not None:
        cause = cell.reason.exception if isinstance(cell.reason, Crashed) else None
        raise StartError(str(cell), cell.reason) from cause
    assert task is not None
    cell.task = None
    return Failure(RuntimeError("init was cancelled")) if task.cancelled() else task.result()


async def _init_or_exit(cell: Cell, task: asyncio.Task[Any]) -> None:
    """Returns when init is done, or when the actor has ended without it."""
    over: asyncio.Future[Any] = cell.kernel.loop.create_future()
    task.add_done_callback(lambda _: settle(over, None))
    cell.add_stop_waiter(over)
    try:
        await over
    finally:
        if cell.stop_waiters is not None and over in cell.stop_waiters:
            cell.stop_waiters.remove(over)


def undo(cell: Cell, reason: ExitReason) -> None:
    """Leaves nothing of a failed start. Whoever init linked to or started hears of it by the link."""
    for task in cell.owned or ():
        task.cancel()
    if cell.reason is None:
        if isinstance(reason, Crashed):
            cell.kernel.crashes.note(cell, "on_start")
        cell.reason = reason
    termination.finish(cell)


def _expire(cell: Cell, start_timeout_s: float) -> None:
    if cell.status == "starting":
        late = TimeoutError(f"init did not finish within {start_timeout_s:g} s")
        cell.kernel.crashes.note(cell, "on_start")
        termination.begin_exit(cell, Crashed(late), brutal=True)
