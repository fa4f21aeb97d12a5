"""The live tree as plain data, for `evopipe tree`, the socket and the tests."""

from __future__ import annotations

from typing import Any

from actors.kernel import Kernel, status_of


def snapshot(kernel: Kernel) -> list[dict[str, Any]]:
    """Every live actor under its parent, roots first.

    A node is {name, id, class, status, restarts, mailbox, uptime_s, children}. Read in one go on the loop's thread,
    so it is consistent; it costs a few microseconds an actor and disturbs none of them.
    """
    now = kernel.clock.now()
    roots: list[dict[str, Any]] = []
    children_of: dict[int, list[dict[str, Any]]] = {}
    for cell in kernel.cells():  # oldest first, so a parent comes before its children
        own: list[dict[str, Any]] = []
        children_of[cell.id] = own
        node = {
            "name": cell.name or str(cell),
            "id": cell.id,
            "class": cell.actor_class.__name__,
            "status": status_of(cell),
            "restarts": cell.restarts,
            "mailbox": cell.mailbox_length(),
            "uptime_s": round(now - cell.started_at, 3) if cell.status == "running" else 0.0,
            "children": own,
        }
        (roots if cell.parent is None else children_of.get(cell.parent.id, roots)).append(node)
    return roots
