"""How what a ref sends reaches a mailbox; all of it on the loop's thread. See `ref`."""

from __future__ import annotations

import asyncio
from typing import Any

from actors.kernel import termination
from actors.kernel.cell import Cell
from actors.kernel.errors import ActorDeadError, DeadlockError, MailboxFull
from actors.kernel.exits import ExitReason, Killed
from actors.kernel.messages import Call, StopRequest, settle_error

_CYCLE_SEARCH_LIMIT = 64


def send_exit(cell: Cell, reason: ExitReason) -> None:
    termination.begin_exit(cell, reason, brutal=isinstance(reason, Killed))


def refuse_cycles(caller: Cell, callee: Cell) -> None:
    path = [str(caller)]
    step: Cell | None = callee
    for _ in range(_CYCLE_SEARCH_LIMIT):
        if step is None:
            return
        path.append(str(step))
        if step is caller:
            raise DeadlockError(tuple(path))
        step = step.waiting_on


async def wait_for_room(cell: Cell, reply: asyncio.Future[Any]) -> None:
    while not cell.has_room() and cell.reason is None and not reply.done():
        room = cell.wait_for_room()
        sends = False
        try:
            await asyncio.wait({room, reply}, return_when=asyncio.FIRST_COMPLETED)
            sends = not reply.done()
        finally:
            if not room.cancel() and not sends:  # woken and gone: the place is the next one's
                cell.wake_room_waiter()


def dropped(reply: asyncio.Future[Any]) -> None:
    """Takes the late answer of a call whose caller has given up, so that nobody misses its error."""
    if not reply.cancelled():
        reply.exception()


def push_quietly(cell: Cell, message: Any) -> None:
    try:
        cell.push(message)
    except (ActorDeadError, MailboxFull):
        return  # the sender is on another thread and gone; the overflow event tells of the loss


def push_call(cell: Cell, call: Call, patient: bool = False) -> None:
    """`patient`: the sender blocks, so its call waits for room outside the full mailbox instead of failing."""
    if call.reply.done():  # gave up while it waited for room: the place is the next one's
        cell.wake_room_waiter()
        return
    if patient and not cell.has_room() and cell.actor_class.mailbox_policy == "reject" and cell.reason is None:
        cell.wait_for_room().add_done_callback(lambda _: push_call(cell, call, patient))
        return
    try:
        cell.push(call)
    except (ActorDeadError, MailboxFull) as error:
        settle_error(call.reply, error)


def push_stop(cell: Cell, waiter: Any) -> None:
    if cell.status == "dead":
        waiter.set_result(False)
    elif cell.reason is not None:
        cell.add_stop_waiter(waiter)
    else:
        cell.push_unbounded(StopRequest(waiter))
