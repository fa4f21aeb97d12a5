"""Writes the kernel's lifecycle events to the log: each crash once, structured, with its traceback.

The text of a crash is in its own line (`actor_crashed`) and in that of a supervisor that gives up over it
(`supervisor_escalated`), nowhere else: restarts and those that fell along name the kind of the reason only. Keys are
taken out of every line by `runtime.daemon.redacting`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import structlog

from actors.kernel import (
    ActorAbandoned,
    ActorKilled,
    ChildRestarted,
    Crashed,
    CrashReported,
    ErrorUnheard,
    EventBus,
    ExitReason,
    FateShared,
    Killed,
    LoopBlocked,
    MailboxOverflowed,
    SupervisorEscalated,
)
from actors.kernel.redaction import said
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
        case CrashReported(report):
            _log.error("actor_crashed", **report.facts())
        case ActorKilled(ref):
            _log.info("actor_killed", actor=str(ref))
        case FateShared(origin, reason, count, actors):
            level = logging.INFO if isinstance(reason, Killed) else logging.WARNING
            _log.log(level, "actors_fell_along", origin=origin, reason=_kind(reason), count=count, first=list(actors))
        case ChildRestarted():
            _log.warning(
                "child_restarted", supervisor=event.supervisor, child=event.child_id, reason=_kind(event.reason)
            )
        case SupervisorEscalated():
            _log.error(
                "supervisor_escalated",
                supervisor=event.supervisor,
                child=event.child_id,
                chain=[said(reason) for reason in event.chain],
            )
        case ActorAbandoned(ref):
            _log.error("actor_abandoned", actor=str(ref))
        case LoopBlocked():
            _log.warning("loop_blocked", lag_s=round(event.lag_s, 3), where=event.where)
        case ErrorUnheard(ref, error):
            _log.warning("error_unheard", actor=str(ref), error=f"{type(error).__name__}: {said(error)}")
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


def _kind(reason: ExitReason) -> str:
    return f"crashed: {type(reason.exception).__name__}" if isinstance(reason, Crashed) else said(reason)


def _what(switch: Switch) -> str:
    return f"{switch.level} {switch.name}".rstrip()
