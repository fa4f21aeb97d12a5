"""Ending children by their shutdown policy: ask, wait that long, kill; or kill at once; or wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from actors.kernel import ActorRef, Kernel, Shutdown
from actors.kernel.child import ShutdownPolicy


async def stop_children(
    kernel: Kernel, owner: ActorRef[Any], children: Iterable[tuple[ActorRef[Any], ShutdownPolicy]]
) -> None:
    """Ends all `children` at the same time; returns when every one has ended.

    The link to `owner` is cut first, so that these ends are not taken for failures. A child that outlives its
    timeout is killed, so this returns within the longest timeout (`infinity` excepted).
    """
    ends: list[asyncio.Future[Any]] = []
    deadlines: list[Any] = []
    owner_cell = owner.resolve()
    for ref, policy in children:
        cell = ref.resolve()
        if cell is None or cell.status == "dead":
            continue
        if owner_cell is not None:
            kernel.unlink(owner_cell, cell)
        if policy == "brutal_kill":
            ref.kill()
        else:
            ref.exit(Shutdown())
        if ref.exit_reason is not None:
            continue
        ended: asyncio.Future[Any] = kernel.loop.create_future()
        cell.add_stop_waiter(ended)
        ends.append(ended)
        if not isinstance(policy, str):
            deadlines.append(kernel.clock.call_later(policy, ref.kill))
    try:
        if ends:
            await asyncio.wait(ends)
    finally:
        for deadline in deadlines:
            deadline.cancel()
