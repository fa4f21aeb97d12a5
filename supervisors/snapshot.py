"""The live tree as plain data, for `evopipe tree`, the socket and the tests."""

from __future__ import annotations

from typing import Any

from actors.kernel import Kernel
from actors.kernel.cell import Cell


def snapshot(kernel: Kernel) -> list[dict[str, Any]]:
    """Every live actor under its parent, roots first.

    A node is {name, id, class, status, restarts, mailbox, uptime_s, children}. Read in one go on the loop's thread,
    so it is consistent; it costs a few microseconds an actor and disturbs none of them.
    """
    now = kernel.clock.now()
    nodes: dict[int, dict[str, Any]] = {}
    roots: list[dict[str, Any]] = []
    for cell in kernel.cells():
        nodes[cell.id] = _describe(cell, now)
    for cell in kernel.cells():
        parent = None if cell.parent is None else nodes.get(cell.parent.id)
        (roots if parent is None else parent["children"]).append(nodes[cell.id])
    return roots


def _describe(cell: Cell, now: float) -> dict[str, Any]:
    return {
        "name": str(cell),
        "id": cell.id,
        "class": cell.actor_class.__name__,
        "status": cell.status,
        "restarts": cell.restarts,
        "mailbox": cell.mailbox_length(),
        "uptime_s": round(max(0.0, now - cell.started_at), 3) if cell.status == "running" else 0.0,
        "children": [],
    }
