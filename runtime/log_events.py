"""Writes the kernel's lifecycle events to the log: each crash once, structured, with its traceback.

The text of a crash is in its own line (`actor_crashed`) and in that of a supervisor that gives up over it
(`supervisor_escalated`), nowhere else: restarts and those that fell along name the kind of the reason only. Keys are
taken out of every line by `runtime.daemon.redacting`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import structlog

from actors.audit import AuditDamaged, AuditRepaired, AuditUnwritable, AuditWritable
from actors.breakers import BreakerStateUnreadable, BreakerStateUnsaved
from actors.kernel import (
    EVERY_LIFE,
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
from actors.treasury import BudgetAlert, BudgetChanged, BudgetOverrun, BudgetStopped, LedgerUnwritable
from actors.trust import TrustCaughtUp, TrustRebuilt, TrustStateUnreadable, TrustStateUnsaved
from pipelines.guardrails import Switch
from pipelines.guardrails.breaker_panel import BreakerChanged
from pipelines.guardrails.budget import Bound
from runtime.log_bunches import Bunches

_log = structlog.stdlib.get_logger("evopipe.tree")
_RUN_WORDS = frozenset(
    {
        "run_accepted",
        "run_resumed",
        "run_reopened",
        "run_paused",
        "run_unpaused",
        "run_succeeded",
        "run_failed",
        "run_cancelled",
    }
)
#: What comes upon all runs at once.
_BUNCHED = frozenset({"run_paused", "run_unpaused", "run_resumed"})


def log_lifecycle(events: EventBus) -> Callable[[], None]:
    """Subscribes the log to `events`; the returned function ends it."""
    bunches = Bunches(_write_bunch)

    log = _log.bind()  # made once: it is asked for two lines a run

    def hear(event: object) -> None:
        if not isinstance(event, RunEvent):
            _write(event)
        elif event.kind in _RUN_WORDS and not (event.kind in _BUNCHED and bunches.takes(event.kind, event.run_id)):
            _write_run(log, event)

    unsubscribe = events.subscribe(hear, but=EVERY_LIFE)

    def end() -> None:
        unsubscribe()
        bunches.close()

    return end


def _write_bunch(kind: str, count: int, first: list[str]) -> None:
    level = logging.WARNING if kind == "run_paused" else logging.INFO
    _log.log(level, f"{kind}_too", count=count, first=first)


def _write_run(log: structlog.stdlib.BoundLogger, event: RunEvent) -> None:
    level = logging.WARNING if event.kind in ("run_failed", "run_paused") else logging.INFO
    log.log(level, event.kind, run=event.run_id)


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
            _log.warning("kill_switch_file_unknown", path=path, expected="node, evolution or <level>.<name>")
        case _:
            _write_guard(event)


def _kind(reason: ExitReason) -> str:
    return f"crashed: {type(reason.exception).__name__}" if isinstance(reason, Crashed) else said(reason)


def _write_guard(event: object) -> None:
    """What the audit log, the breakers and the budgets say."""
    match event:
        case AuditUnwritable(problem):
            _log.error("audit_log_unwritable", problem=problem)
        case AuditWritable():
            _log.warning("audit_log_writable_again")
        case AuditRepaired(found):
            _log.warning("audit_log_repaired", found=list(found))
        case AuditDamaged(found):
            _log.error("audit_log_damaged", found=list(found))
        case BreakerChanged(name, before, after, why, who):
            by = {"who": who} if who else {}
            _log.warning("breaker_changed", breaker=str(name), before=str(before), after=str(after), why=why, **by)
        case TrustStateUnsaved(problem):
            _log.error("trust_state_unsaved", problem=problem)
        case TrustCaughtUp(pattern, rejections):
            _log.warning("trust_caught_up", pattern=pattern, rejections=rejections)
        case TrustRebuilt(answers, patterns):
            _log.warning("trust_history_rebuilt", answers=answers, patterns=patterns)
        case TrustStateUnreadable(path, problem, moved_to):
            _log.error("trust_state_unreadable", path=path, problem=problem, moved_to=moved_to)
        case BudgetAlert():
            _log.warning("budget_alert", budget=event.path, share=f"{event.share:f}", **_spent(event))
        case BudgetStopped(text):
            _log.error("budget_emergency_stop", why=text)
        case BudgetChanged():
            after = "the settings' own" if event.after is None else _bound(event.after)
            _log.warning(
                "budget_changed",
                budget=event.path,
                before=_bound(event.before),
                after=after,
                who=event.who,
                why=event.reason,
            )
        case BudgetOverrun(payer, reserved, used):
            _log.warning("budget_overrun", run=payer.run, step=payer.step, reserved=reserved.tokens, used=used.tokens)
        case LedgerUnwritable(problem):
            _log.error("treasury_ledger_unwritable", problem=problem)
        case BreakerStateUnsaved(problem):
            _log.error("breaker_state_unsaved", problem=problem)
        case BreakerStateUnreadable(path, problem, moved_to):
            _log.error("breaker_state_unreadable", path=path, problem=problem, moved_to=moved_to)
        case _:
            pass


def _spent(alert: BudgetAlert) -> dict[str, str]:
    spent = {"usd": f"{alert.usd_spent:f} of {alert.usd_limit:f}"} if alert.usd_limit is not None else {}
    if alert.tokens_limit is not None:
        spent["tokens"] = f"{alert.tokens_spent} of {alert.tokens_limit}"
    return spent


def _bound(bound: Bound) -> str:
    parts = [f"{bound.usd:f} USD"] if bound.usd is not None else []
    parts += [f"{bound.tokens} tokens"] if bound.tokens is not None else []
    return ", ".join(parts) or "no limit"


def _what(switch: Switch) -> str:
    return f"{switch.level} {switch.name}".rstrip()
