"""Writes the kernel's lifecycle events to the log: each crash once, structured, with its traceback."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

import structlog

from actors.kernel import (
    ActorAbandoned,
    ActorExited,
    ChildRestarted,
    Crashed,
    EventBus,
    LoopBlocked,
    MailboxOverflowed,
    SupervisorEscalated,
)
from actors.runs.events import RunEvent

_log = structlog.stdlib.get_logger("evopipe.tree")
_RUN_WORDS = frozenset(
    {"run_accepted", "run_resumed", "run_paused", "run_unpaused", "run_succeeded", "run_failed", "run_cancelled"}
)


def log_lifecycle(events: EventBus) -> Callable[[], None]:
    """Subscribes the log to `events`; the returned function ends it."""
    return events.subscribe(_write)


def _write(event: object) -> None:
    match event:
        case ActorExited(ref, Crashed(error) as reason):
            _log.error(
                "actor_crashed",
                actor=str(ref),
                reason=str(reason),
                trace="".join(traceback.format_exception(error))[-8_000:],
            )
        case ChildRestarted():
            _log.warning("child_restarted", supervisor=event.supervisor, child=event.child_id, reason=str(event.reason))
        case SupervisorEscalated():
            _log.error(
                "supervisor_escalated", supervisor=event.supervisor, child=event.child_id, reason=str(event.reason)
            )
        case ActorAbandoned(ref):
            _log.error("actor_abandoned", actor=str(ref))
        case LoopBlocked():
            _log.warning("loop_blocked", lag_s=round(event.lag_s, 3), where=event.where)
        case MailboxOverflowed(ref, policy):
            _log.warning("mailbox_full", actor=str(ref), policy=policy)
        case RunEvent() if event.kind in _RUN_WORDS:
            level = logging.WARNING if event.kind in ("run_failed", "run_paused") else logging.INFO
            _log.log(level, event.kind, run=event.run_id)
        case _:
            return
