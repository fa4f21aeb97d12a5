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
    ErrorUnheard,
    EventBus,
    LoopBlocked,
    MailboxOverflowed,
    SupervisorEscalated,
)
from actors.killswitch import KillStateUnsaved, SwitchArmed, SwitchTriggered, UnknownTriggerFile
from actors.runs.events import RunEvent
from pipelines.guardrails import Switch

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
        case ErrorUnheard(ref, error):
            _log.warning("error_unheard", actor=str(ref), error=f"{type(error).__name__}: {error}")
        case MailboxOverflowed(ref, policy):
            _log.warning("mailbox_full", actor=str(ref), policy=policy)
        case SwitchTriggered(switch):
            _log.warning("kill_switch_triggered", switch=_what(switch), who=switch.who, reason=switch.reason)
        case SwitchArmed(switch, reason, who):
            _log.warning("kill_switch_armed", switch=_what(switch), who=who, reason=reason)
        case KillStateUnsaved(problem):
            _log.error("kill_switch_state_unsaved", problem=problem)
        case UnknownTriggerFile(path):
            _log.warning("kill_switch_file_unknown", path=path, expected="node, pipeline.<name> or provider.<name>")
        case RunEvent() if event.kind in _RUN_WORDS:
            level = logging.WARNING if event.kind in ("run_failed", "run_paused") else logging.INFO
            _log.log(level, event.kind, run=event.run_id)
        case _:
            return


def _what(switch: Switch) -> str:
    return f"{switch.level} {switch.name}".rstrip()
