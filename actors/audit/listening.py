"""What the node itself decides, heard on the kernel's events: runs begin, resume and end, switches change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from actors.approvals import ApprovalSettled
from actors.audit import decisions
from actors.audit.arming import bound_text
from actors.audit.book import AuditBook
from actors.kernel import EVERY_LIFE, Kernel
from actors.killswitch import SwitchArmed, SwitchTriggered
from actors.retention import RetentionApplied
from actors.runs import RunEvent
from actors.treasury import BudgetChanged, BudgetStopped
from pipelines.guardrails.breaker_panel import BreakerChanged

_ENDS = {"run_succeeded": "succeeded", "run_failed": "failed", "run_cancelled": "cancelled"}


def listen(kernel: Kernel, book: AuditBook) -> Callable[[], None]:
    """Has decisions recorded from now on; the returned function ends that."""

    def hear(event: object) -> None:
        match event:
            case RunEvent():
                _hear_run(book, event)
            case SwitchTriggered(switch):
                book.record(decisions.switch_triggered(switch), urgent=True)
            case SwitchArmed(switch, reason, who):
                book.record(decisions.switch_armed(kernel.clock.wall(), who, switch, reason), urgent=True)
            case BudgetChanged():
                made = decisions.budget_changed(
                    event.at,
                    event.who,
                    event.path,
                    before=bound_text(event.before),
                    after=bound_text(event.after),
                    reason=event.reason,
                )
                book.record(made)
            case ApprovalSettled("expired", _, item, pipeline, counts_as):
                book.record(decisions.approval_expired(kernel.clock.wall(), item, pipeline, counts_as))
            case ApprovalSettled("auto_approved", _, item, pipeline, _):
                book.record(decisions.approval_auto_approved(kernel.clock.wall(), item, pipeline))
            case RetentionApplied(forgotten, blanked, sessions, charges):
                now, counts = kernel.clock.wall(), {"content": blanked, "sessions": sessions, "charges": charges}
                book.record(decisions.retention_applied(now, runs=forgotten, **counts))
            case BudgetStopped(text):
                book.record(decisions.budget_stopped(kernel.clock.wall(), text))
            case BreakerChanged(name, before, after, why, who):
                now = kernel.clock.wall()
                book.record(
                    decisions.breaker_changed(now, who, str(name), before=str(before), after=str(after), why=why)
                )
            case _:
                pass

    return kernel.events.subscribe(hear, but=EVERY_LIFE)


def _hear_run(book: AuditBook, event: RunEvent) -> None:
    kind, at, run_id = event.kind, event.at, event.run_id
    if kind in _ENDS:
        book.record(decisions.run_ended(at, run_id, _ENDS[kind], _text(event, "pipeline"), _error_code(event)))
    elif kind == "run_resumed":
        book.record(decisions.run_resumed(at, run_id, _text(event, "pipeline")))
    elif kind == "run_accepted" and _text(event, "origin") != "user":
        # Who had a user's run made is known at the door, and recorded there.
        book.record(decisions.run_accepted(at, _text(event, "origin"), run_id, _text(event, "pipeline")))


def _text(event: RunEvent, name: str) -> str:
    value = event.data.get(name)
    return value if isinstance(value, str) else ""


def _error_code(event: RunEvent) -> str | None:
    """The code only: an error's text may quote what the pipeline is about."""
    error = event.data.get("error")
    code = cast("dict[str, Any]", error).get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else None
