"""How a supervisor gives up: the reason it ends with keeps those of all supervisors below it that gave up first."""

from __future__ import annotations

from typing import Any

from actors.kernel import ActorRef, ExitReason, Kernel, Shutdown, SupervisorEscalated
from supervisors.intensity import RestartWindow


def gave_up(who: str, window: RestartWindow, child_id: str, reason: ExitReason) -> Shutdown:
    """The exit of a supervisor whose child `child_id` ended with `reason` once too often."""
    limit = f"{who}: more than {window.max_restarts} restarts in {window.max_seconds:g} s, the last of {child_id}"
    below = reason.chain if isinstance(reason, Shutdown) and reason.chain else (str(reason),)
    return Shutdown(f"{limit} ({reason})", (limit, *below))


def escalate(kernel: Kernel, ref: ActorRef[Any], window: RestartWindow, child_id: str, reason: ExitReason) -> None:
    """Says so and ends the supervisor `ref`; its `on_stop` stops the children that are left."""
    end = gave_up(str(ref), window, child_id, reason)
    kernel.events.publish(SupervisorEscalated(str(ref), child_id, reason, end.chain))
    ref.exit(end)
