"""What needs an entry first: arming a kill switch, another limit of a budget, a breaker that is closed by hand. What
lifts a protection is not done unseen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from actors.approvals import Audit as ApprovalAudit
from actors.approvals import UnauditedError
from actors.audit import decisions
from actors.audit.book import AuditBook
from actors.audit.errors import AuditError
from actors.audit.messages import Note
from actors.breakers import BreakerUnauditedError, OrderBreaker
from actors.kernel import ActorRef, KernelError
from actors.killswitch import ArmSwitch, ArmUnauditedError
from actors.treasury import BudgetChanged, BudgetUnauditedError
from pipelines.execution import Question
from pipelines.guardrails import Switch
from pipelines.guardrails.audit_chain import Decision
from pipelines.guardrails.budget import Bound
from pipelines.guardrails.trust import TrustGiven

_NOTE_WAIT_S = 5.0


def arming_noted_by(
    by_name: Callable[[str], ActorRef[Any]], wall: Callable[[], float]
) -> Callable[[Switch, ArmSwitch], Awaitable[None]]:
    """What the KillBoard asks before it lifts a switch; raises `ArmUnauditedError` when there can be no entry."""

    async def note(switch: Switch, asked: ArmSwitch) -> None:
        made = decisions.switch_arming(wall(), asked.who, switch, asked.reason)
        try:
            await _noted(by_name, made)
        except (AuditError, KernelError, TimeoutError) as error:
            raise ArmUnauditedError(
                f"the kill switch stays triggered, because arming it must be audited: {error}"
            ) from error

    return note


def budget_changes_noted_by(by_name: Callable[[str], ActorRef[Any]]) -> Callable[[BudgetChanged], Awaitable[None]]:
    """What the Treasury asks before it sets a limit; raises `BudgetUnauditedError` when there can be no entry."""

    async def note(change: BudgetChanged) -> None:
        made = decisions.budget_changing(
            change.at,
            change.who,
            change.path,
            before=bound_text(change.before),
            after=bound_text(change.after),
            reason=change.reason,
        )
        try:
            await _noted(by_name, made)
        except (AuditError, KernelError, TimeoutError) as error:
            raise BudgetUnauditedError(
                f"the budget stays as it is, because changing it must be audited: {error}"
            ) from error

    return note


def breaker_orders_noted_by(
    by_name: Callable[[str], ActorRef[Any]], book: AuditBook, wall: Callable[[], float]
) -> Callable[[OrderBreaker], Awaitable[None]]:
    """What the BreakerDesk asks before a person's order is in force; raises `BreakerUnauditedError` when there can be
    no entry. An order to open stops something, as a kill does: it waits for no entry."""

    async def note(order: OrderBreaker) -> None:
        made = decisions.breaker_ordered(wall(), order.who, order.order, order.name, order.reason)
        if order.order == "open":
            book.record(made, urgent=True)
            return
        try:
            await _noted(by_name, made)
        except (AuditError, KernelError, TimeoutError) as error:
            raise BreakerUnauditedError(
                f"the breaker stays as it is, because closing it by hand must be audited: {error}"
            ) from error

    return note


def auto_approvals_noted_by(by_name: Callable[[str], ActorRef[Any]], wall: Callable[[], float]) -> ApprovalAudit:
    """What the ApprovalDesk asks before trust answers in a person's place; raises `UnauditedError` when there can be no
    entry."""

    async def note(question: Question, given: TrustGiven) -> None:
        made = decisions.approval_auto_approving(wall(), question.id, question.pipeline, given)
        try:
            await _noted(by_name, made)
        except (AuditError, KernelError, TimeoutError) as error:
            raise UnauditedError(f"a person is asked, because trust's answer must be audited: {error}") from error

    return note


def bound_text(bound: Bound | None) -> str | None:
    """A limit in words; None: that of the settings."""
    if bound is None:
        return None
    parts = [f"{bound.usd:f} USD"] if bound.usd is not None else []
    parts += [f"{bound.tokens} tokens"] if bound.tokens is not None else []
    return ", ".join(parts) or "no limit"


async def _noted(by_name: Callable[[str], ActorRef[Any]], made: Decision) -> None:
    await by_name("audit").call(Note(made), timeout_s=_NOTE_WAIT_S)
