"""Budgets and breakers that a person sets: the entry first, or no change. Opening a breaker waits for none."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from actors.audit import (
    AuditBook,
    AuditLog,
    AuditPlace,
    Flush,
    breaker_orders_noted_by,
    budget_changes_noted_by,
    entries_of,
    listen,
    segments,
)
from actors.breakers import BreakerDesk, BreakerUnauditedError, OrderBreaker
from actors.kernel import Kernel
from actors.treasury import BudgetPlan, BudgetState, BudgetUnauditedError, LeaseTable, SetLimit, Treasury
from pipelines.guardrails.breaker import BreakerPolicy
from pipelines.guardrails.breaker_panel import BreakerPanel
from pipelines.guardrails.breaker_rules import BreakerRules
from pipelines.guardrails.budget import Bound
from tests.support import run


def test_without_an_audit_log_no_budget_changes_and_a_breaker_only_opens(tmp_path: Path) -> None:
    async def main() -> None:
        kernel, book, place = Kernel(), AuditBook(), AuditPlace.of(tmp_path)
        stop = listen(kernel, book)
        panel = BreakerPanel(BreakerRules(provider={"": BreakerPolicy()}), kernel.events.publish, kernel.clock.wall)
        obeying = breaker_orders_noted_by(kernel.ref, book, kernel.clock.wall)
        desk = await kernel.spawn(BreakerDesk, tmp_path, panel, audit=obeying, name="breakers")
        plan, noted = BudgetPlan({"day": Bound(usd=Decimal(5))}), budget_changes_noted_by(kernel.ref)
        treasury = await kernel.spawn(Treasury, tmp_path, LeaseTable(), plan, audit=noted, name="treasury")
        while (await treasury.call(BudgetState(), timeout_s=5)).problem is not None:
            pass
        more = SetLimit("day", Bound(usd=Decimal(9)), "ann", "month end")
        with pytest.raises(BudgetUnauditedError, match="must be audited"):
            await treasury.call(more, timeout_s=8)
        opened = await desk.call(OrderBreaker("open", "provider:offline", "odd answers", "ann"), timeout_s=5)
        assert opened.state == "forced_open"
        with pytest.raises(BreakerUnauditedError, match="must be audited"):
            await desk.call(OrderBreaker("reset", "provider:offline", "fine again", "ann"), timeout_s=8)

        audit = await kernel.spawn(AuditLog, place, book, name="audit")
        await treasury.call(more, timeout_s=5)
        await desk.call(OrderBreaker("reset", "provider:offline", "fine again", "bob"), timeout_s=5)
        await audit.call(Flush(), timeout_s=5)
        found = [
            (entry.action, entry.who, entry.subject, entry.detail["reason"])
            for entry in entries_of(segments(place.directory))
        ]
        assert found == [
            ("breaker.ordered", "ann", "provider:offline", "odd answers"),
            ("breaker.changed", "ann", "provider:offline", "odd answers"),
            ("budget.changing", "ann", "day", "month end"),
            ("budget.changed", "ann", "day", "month end"),
            ("breaker.ordered", "bob", "provider:offline", "fine again"),
            ("breaker.changed", "bob", "provider:offline", "fine again"),
        ]
        stop()
        await kernel.shutdown()

    run(main(), 20)
