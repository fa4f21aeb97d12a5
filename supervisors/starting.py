"""What a failed start of a child is to its supervisor."""

from __future__ import annotations

from actors.kernel import Crashed, KernelError, StartError


def start_error(who: str, error: KernelError) -> StartError:
    """The failure as a `StartError` that names the child, whatever the kernel refused: its init, its name."""
    if isinstance(error, StartError):
        return error
    failure = StartError(who, Crashed(error))
    failure.__cause__ = error
    return failure
