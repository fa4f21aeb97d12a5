"""How an actor ends: the order of an exit.

An exit goes: status `exiting` -> its handler ends -> `on_stop` (not on kill) -> owned tasks end -> name freed ->
queued and pending calls fail with the reason -> monitors get one `Down` each -> links get one signal each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from actors.kernel.errors import ActorDeadError
from actors.kernel.events import ActorAbandoned, ActorExited
from actors.kernel.exits import Crashed, ExitReason, Killed, Normal, Shutdown
from actors.kernel.messages import Call, Down, StopRequest, settle, settle_error
from actors.kernel.ties import tied, untie

if TYPE_CHECKING:
    from actors.kernel.actor import Actor
    from actors.kernel.cell import Cell

_log = logging.getLogger("evopipe.kernel")

_PASSES_PER_CANCEL = 3
_EXPECTED = frozenset({Normal, Shutdown})
_CANCELS_BEFORE_ABANDON = 50


def begin_exit(cell: Cell, reason: ExitReason, *, brutal: bool = False) -> None:
    """Starts the exit of `cell`. The first reason holds, but a kill overtakes an exit that is under way."""
    if cell.status == "dead":
        return
    if cell.reason is not None:
        if brutal and not cell.brutal:
            cell.brutal = True
            cell.reason = Killed()
            if cell.terminator is not None:  # its on_stop is cut off like everything else the actor runs
                cell.owned = cell.owned or {}
                cell.owned[cell.terminator] = None
            cell.terminator = cell.kernel.start_task(terminate(cell), cell, handler=False)
        return
    starting = cell.status == "starting"
    cell.reason = reason
    cell.brutal = brutal
    cell.status = "exiting"
    actor = cell.actor
    if brutal or actor is None or (starting and not cell.actor_class.trap_exit):
        hook = None
    else:
        hook = actor.stop_hook()
        if starting:  # one that traps exits finishes its init and then ends in order, as a gen_server does
            hook = _unless_init_failed(cell, hook)
    if cell.task is None and (not cell.owned or starting):
        result = None if hook is None else _run_plain_hook(cell, hook)
        if result is None or not isinstance(result, Coroutine):
            for task in tuple(cell.owned or ()):  # begun by an init that then ended the actor, or by this very hook
                task.cancel()
            finish(cell)
            return
        # it turned out to be one: it is awaited in a task
        ending = cast("Coroutine[Any, Any, Any]", result)
        cell.terminator = cell.kernel.start_task(terminate(cell, lambda: ending), cell, handler=False, inner=ending)
        return
    if hook is not None and cell.task is not None and cell.actor_class.trap_exit and actor is not None:
        _run_plain_hook(cell, actor.on_exit_request)
    cell.terminator = cell.kernel.start_task(terminate(cell, hook), cell, handler=False)


def _unless_init_failed(cell: Cell, hook: Any) -> Any:
    task = cell.task

    def after_init() -> Any:
        if task is None or not cell.kernel.init_succeeded(task):
            return None
        return None if hook is None else hook()

    return after_init


def _run_plain_hook(cell: Cell, hook: Any) -> Any:
    try:
        return hook()
    except BaseException as error:  # noqa: BLE001 - whatever on_stop raises becomes the exit reason
        _failed_ending(cell, error)
        return None


def _failed_ending(cell: Cell, error: BaseException) -> None:
    cell.kernel.crashes.note_ending(cell, "on_stop")
    cell.reason = Crashed(error)


async def terminate(cell: Cell, hook: Any = None) -> None:
    """Waits for what the actor still runs, gives `on_stop` its turn, and ends the actor."""
    try:
        if not cell.brutal:
            await _end_handler(cell)
        if hook is not None and not cell.brutal:
            result = hook()
            if isinstance(result, Coroutine):
                await result
        if not cell.brutal:
            await _end_owned(cell)
    except BaseException as error:  # noqa: BLE001 - whatever on_stop raises becomes the exit reason
        if not cell.brutal:
            _failed_ending(cell, error)
    if cell.brutal:
        if cell.terminator is not _current_task():
            return  # overtaken by a kill, which has a terminator of its own
        await _cut_off(cell)
    finish(cell)


async def _end_handler(cell: Cell) -> None:
    """Interrupts the running handler; an actor that traps exits is left to finish it, as a gen_server is."""
    task = cell.task
    if task is None or task is _current_task():
        return
    if not cell.actor_class.trap_exit:
        task.cancel()
    await asyncio.wait({task})


async def _end_owned(cell: Cell) -> None:
    tasks = [t for t in cell.owned or () if t is not _current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def _cut_off(cell: Cell) -> None:
    """A kill cannot be trapped: whoever swallows the cancellation gets it again, and is abandoned in the end."""
    for _ in range(_CANCELS_BEFORE_ABANDON):
        current = _current_task()
        everything = (*(cell.owned or ()), cell.task)
        running = [t for t in everything if t is not None and t is not current and not t.done()]
        if not running:
            return
        for task in running:
            task.cancel()
        for _ in range(_PASSES_PER_CANCEL):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                continue  # a second kill; this one is already as brutal as it gets
    cell.kernel.events.publish(ActorAbandoned(cell.ref))


def _current_task() -> Any:
    return asyncio.current_task()


def finish(cell: Cell) -> None:
    """The end itself: everybody who depends on this actor hears of it, once."""
    if cell.status == "dead":
        return
    kernel = cell.kernel
    reason = cell.reason or Normal()
    cell.reason = reason
    cell.status = "dead"
    kernel.forget(cell)
    if reason.__class__ not in _EXPECTED:
        kernel.crashes.ended(cell, reason)
    cell.item = None
    if cell.timers:
        for timer in tuple(cell.timers):
            timer.cancel()
    if cell.idle is not None:
        cell.idle.cancel()
    _fail_waiting(cell, reason)
    watchers, cell.watched_by = cell.watched_by, None
    if watchers:
        for ref, watcher in watchers.items():
            if watcher.watching is not None:
                watcher.watching.discard(ref)
            watcher.push_system(Down(ref, cell.ref, reason))
    watching, cell.watching = cell.watching, None
    for ref in watching or ():
        target: Cell = ref.target
        if target.watched_by is not None:
            target.watched_by.pop(ref, None)
    starter, cell.starter = cell.starter, None  # still set: the start failed, and the StartError tells it so
    linked, cell.links = tied(cell), None
    for other in linked:
        untie(other, cell)
        if other is not starter:
            kernel.queue_exit(other, cell, reason)
    waiters, cell.stop_waiters = cell.stop_waiters, None
    for waiter in waiters or ():
        settle(waiter, True)
    if kernel.events.hears(ActorExited):
        kernel.events.publish(ActorExited(cell.ref, reason))
    actor, cell.actor = cell.actor, None
    cell.waiting_on = None
    if actor is not None:
        give_back(actor)
    kernel.work_off_exits()
    cell.bury()


def give_back(actor: Actor) -> None:
    """Runs `release`. The actor is dead for everybody by now, so its error can be nobody's exit reason."""
    try:
        actor.release()
    except BaseException:  # noqa: BLE001 - nobody else may suffer from it
        _log.exception("%s could not give back what it held", type(actor).__name__)


def _fail_waiting(cell: Cell, reason: ExitReason) -> None:
    cell.system = None
    if cell.call is None and not cell.queue and not cell.pending and not cell.room_waiters:
        cell.queue = cell.pending = cell.room_waiters = None
        return
    who = str(cell)
    call, cell.call = cell.call, None
    if call is not None:
        settle_error(call.reply, ActorDeadError(who, reason))
    pending, cell.pending = cell.pending, None
    for reply in tuple(pending or ()):
        settle_error(reply, ActorDeadError(who, reason))
    queue, cell.queue = cell.queue, None
    for item in queue or ():
        if isinstance(item, Call):
            settle_error(item.reply, ActorDeadError(who, reason))
        elif isinstance(item, StopRequest) and item.waiter is not None:
            settle(item.waiter, True)
    for waiter in cell.room_waiters or ():
        if not waiter.done():
            waiter.set_result(None)
    cell.room_waiters = None
