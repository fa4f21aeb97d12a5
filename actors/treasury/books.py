"""What a Treasury knows: the budget, the limits that people have set, and whether the ledger can be written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from actors.kernel import Kernel
from actors.treasury.lease_table import LeaseTable
from actors.treasury.ledger_reading import Kept
from actors.treasury.messages import BudgetAlert, BudgetStopped, BudgetView, LedgerClosedError, LedgerUnwritable
from actors.treasury.viewing import view_of
from pipelines.guardrails.budget import Alert, Bound, Budget, BudgetPlan, Calendar

NOT_READ = "the ledger has not been read yet"


def seconds_up() -> float:
    """Seconds that really went by, those in which the machine slept too, where the system counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass(slots=True, eq=False)
class Books:
    """Of one life of the Treasury. `problem` None: calls may be lent."""

    kernel: Kernel
    table: LeaseTable
    plan: BudgetPlan
    up_s: Callable[[], float] = seconds_up
    budget: Budget | None = None
    by_hand: dict[str, Bound] = field(default_factory=dict[str, Bound])
    problem: str | None = NOT_READ
    refused: int = 0
    _stopped: bool = False

    def take_over(self, kept: Kept, wall_s: float) -> Budget:
        """Begins with what the ledger says."""
        if self.table.calendar is None:
            self.table.calendar = Calendar(kept.day, wall_s, self.up_s())
        self.by_hand = dict(kept.limits)
        self.budget = Budget(kept.day.day, {}, self.plan.rules, kept.shares)
        self.bind(self.budget)
        for each in kept.used:
            self.budget.restore(each.name, each.amount, each.unpriced, each.run, each.share)
        self.problem = None
        return self.budget

    def bind(self, budget: Budget) -> None:
        """The limits of the settings, and before them those that people have set."""
        budget.limits = {**self.plan.limits, **self.by_hand}
        self.table.limited = budget.is_limited

    def open(self) -> Budget:
        """The budget. Raises `LedgerClosedError` when nothing may be lent."""
        if self.budget is None or self.problem is not None:
            raise LedgerClosedError(self.problem or NOT_READ)
        return self.budget

    def look_at_the_clock(self) -> bool:
        """Begins a new day when it is time. Whether one began."""
        if self.budget is None or self.table.calendar is None:
            return False
        if not self.table.calendar.look(self.kernel.clock.wall(), self.up_s()):
            return False
        self.budget.roll(self.table.calendar.day)
        self.say_stopped()
        return True

    def view(self, waiting: int) -> BudgetView:
        """As people see it."""
        self.look_at_the_clock()
        return view_of(self.budget, self.by_hand, waiting, self.refused, self.problem)

    # ---- telling -------------------------------------------------------------------------------------------

    def say_alerts(self, alerts: tuple[Alert, ...]) -> None:
        """Shares of daily limits are used up."""
        for alert in alerts:
            used, bound = alert.account_state, alert.bound
            self.kernel.events.publish(
                BudgetAlert(alert.account.path, alert.share, used.cost, bound.usd, used.tokens, bound.tokens)
            )

    def say_stopped(self) -> None:
        """The emergency stop, once when it begins."""
        stopped = None if self.budget is None else self.budget.stopped()
        if stopped is not None and not self._stopped:
            self.kernel.events.publish(BudgetStopped(str(stopped)))
        self._stopped = stopped is not None

    def say_unwritable(self, problem: str) -> None:
        """Nothing is lent from now on, until the ledger can be written."""
        if problem != self.problem:
            self.problem = problem
            self.kernel.events.publish(LedgerUnwritable(problem))
