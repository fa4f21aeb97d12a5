"""Ending children by their shutdown policy: ask, wait that long, kill; or kill at once; or wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from actors.kernel import ActorRef, Kernel, Shutdown
from actors.kernel.child import ShutdownPolicy


def ask_to_end(kernel: Kernel, owner: ActorRef[Any], ref: ActorRef[Any], policy: ShutdownPolicy) -> bool:
    """Cuts the link to `owner` and tells one child to end. True when it has ended by then; most idle ones have.

    Asking twice is asking once.
    """
    cell = ref.resolve()
    if cell is None or cell.status == "dead":
        return True
    owner_cell = owner.resolve()
    if owner_cell is not None:
        kernel.unlink(owner_cell, cell)
    if policy == "brutal_kill":
        ref.kill()
    else:
        ref.exit(Shutdown())
    return ref.exit_reason is not None


async def stop_children(
    kernel: Kernel, owner: ActorRef[Any], children: Iterable[tuple[ActorRef[Any], ShutdownPolicy]]
) -> None:
    """Ends all `children` at the same time; returns when every one has ended.

    The link to `owner` is cut first, so that these ends are not taken for failures. A child that outlives its
    timeout is killed, so this returns within the longest timeout (`infinity` excepted). When it is cancelled, because
    the owner itself is killed, the children that are still ending are killed: no link would end them any more.
    """
    ends: list[asyncio.Future[Any]] = []
    ending: list[ActorRef[Any]] = []
    deadlines: list[Any] = []
    for ref, policy in children:
        cell = ref.resolve()
        if ask_to_end(kernel, owner, ref, policy) or cell is None:
            continue
        ended: asyncio.Future[Any] = kernel.loop.create_future()
        cell.add_stop_waiter(ended)
        ends.append(ended)
        ending.append(ref)
        if not isinstance(policy, str):
            deadlines.append(kernel.clock.call_later(policy, ref.kill))
    try:
        if ends:
            await asyncio.wait(ends)
    except asyncio.CancelledError:
        for ref in ending:
            ref.kill()
        raise
    finally:
        for deadline in deadlines:
            deadline.cancel()


async def ends_within(kernel: Kernel, ref: ActorRef[Any], timeout_s: float) -> bool:
    """Whether an actor that is ending already has ended within `timeout_s` seconds; it is not told anything."""
    cell = ref.resolve()
    if cell is None or cell.status == "dead":
        return True
    ended: asyncio.Future[Any] = kernel.loop.create_future()
    cell.add_stop_waiter(ended)
    deadline = kernel.clock.call_later(timeout_s, _settle_late, ended)
    try:
        return bool(await ended)
    finally:
        deadline.cancel()


def _settle_late(ended: asyncio.Future[Any]) -> None:
    if not ended.done():
        ended.set_result(False)
