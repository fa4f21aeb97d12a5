"""What stands in the way of a child's start: a name that is still held; and what a failure is to its supervisor."""

from __future__ import annotations

from typing import Any

from actors.kernel import ActorRef, Crashed, Kernel, KernelError, StartError
from supervisors.stopping import ends_within

#: How long a start waits for an ending actor that still holds the child's name.
NAME_WAIT_S = 10.0


def start_error(who: str, error: KernelError) -> StartError:
    """The failure as a `StartError` that names the child, whatever the kernel refused: its init, its name."""
    if isinstance(error, StartError):
        return error
    failure = StartError(who, Crashed(error))
    failure.__cause__ = error
    return failure


async def wait_for_name(kernel: Kernel, former: ActorRef[Any], who: str) -> None:
    """The name still belongs to one that is ending: what is left of a tree that was killed from above. Raises
    `StartError` for the child `who` after `NAME_WAIT_S`.
    """
    if not await ends_within(kernel, former, NAME_WAIT_S):
        late = TimeoutError(f"{former} has not ended within {NAME_WAIT_S:g} s and holds the name")
        raise StartError(who, Crashed(late))
