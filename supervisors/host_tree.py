"""What looks after the process that the node is: on which cores its threads run, and when its garbage is collected."""

from __future__ import annotations

from actors.host import CoreBinder, HeapKeeper
from actors.kernel import ChildSpec


def host_children(*, share_core: bool) -> tuple[ChildSpec, ...]:
    """`share_core`: whether threads that wait for each other may be bound to one core."""
    return (
        ChildSpec(id="core_binder", actor_class=CoreBinder, args=(share_core,), name="core_binder"),
        ChildSpec(id="heap_keeper", actor_class=HeapKeeper, name="heap_keeper"),
    )
