"""The tasks of a kernel's actors: whose each is, what keeps it alive, what is tidied up when it is done."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.kernel.cell import handling_cell

if TYPE_CHECKING:
    from actors.kernel.cell import Cell


class Tasks:
    """All that are not finished yet; the loop itself holds its tasks weakly only."""

    __slots__ = ("_loop", "unfinished")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.unfinished: set[asyncio.Task[Any]] = set()

    def start(
        self,
        work: Coroutine[Any, Any, Any],
        cell: Cell,
        *,
        handler: bool,
        inner: Coroutine[Any, Any, Any] | None = None,
        owned: dict[asyncio.Task[Any], None] | None = None,
        then: Callable[[asyncio.Task[Any]], object] | None = None,
    ) -> asyncio.Task[Any]:
        """Runs `work` as a task of `cell`; with `handler` it is what that actor is blocked by.

        `inner` is what `work` awaits first: it is closed when the task is cancelled before its first step. The task
        leaves `owned` when it is done, and `then` is called.
        """
        context = contextvars.copy_context()
        caller = cell if handler else None
        if handling_cell.get() is not caller:
            context.run(handling_cell.set, caller)
        task = self._loop.create_task(work, context=context, name=str(cell))
        self.unfinished.add(task)
        task.add_done_callback(partial(_task_over, self.unfinished, inner, owned, then))
        return task


def _task_over(
    tasks: set[asyncio.Task[Any]],
    inner: Coroutine[Any, Any, Any] | None,
    owned: dict[asyncio.Task[Any], None] | None,
    then: Callable[[asyncio.Task[Any]], object] | None,
    task: asyncio.Task[Any],
) -> None:
    tasks.discard(task)
    if owned is not None:
        owned.pop(task, None)
    if inner is not None:
        inner.close()
    if then is not None:
        then(task)
