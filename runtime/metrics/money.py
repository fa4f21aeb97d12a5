"""What was spent, reserved and refused against the node's budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.treasury import BudgetAlert, BudgetOverrun, BudgetRefused, BudgetStopped, BudgetView

MAX_BUDGETS = 200


class MoneyMetrics:
    """Fed by the kernel's events; `budgets` gives the accounts as the Treasury last knew them."""

    def __init__(self, registry: CollectorRegistry, budgets: Callable[[], BudgetView | None]) -> None:
        self._refused = Counter(
            "evopipe_budget_refusals", "Calls that a budget refused, by kind of budget and why.", ["kind", "why"],
            registry=registry,
        )  # fmt: skip
        self._alerts = Counter(
            "evopipe_budget_alerts", "Alerts about shares of daily budgets.", ["kind", "share"], registry=registry
        )
        self._stops = Counter("evopipe_budget_emergency_stops", "Emergency stops that began.", registry=registry)
        self._overruns = Counter(
            "evopipe_budget_overruns", "Calls that used more than was reserved for them.", registry=registry
        )
        registry.register(LiveBudgets(budgets))

    def observe(self, event: object) -> bool:
        """Counts an event of these; whether it was one."""
        match event:
            case BudgetRefused(refusal, _):
                self._refused.labels(_kind(refusal.account.path), refusal.why).inc()
            case BudgetAlert(path, share):
                self._alerts.labels(_kind(path), f"{share:f}").inc()
            case BudgetStopped():
                self._stops.inc()
            case BudgetOverrun():
                self._overruns.inc()
            case _:
                return False
        return True


class LiveBudgets(Collector):
    """Daily budgets that have a limit, at the moment of the scrape. At most `MAX_BUDGETS`."""

    def __init__(self, budgets: Callable[[], BudgetView | None]) -> None:
        self._budgets = budgets

    def collect(self) -> Iterator[Metric]:
        """Spent, reserved and left, in dollars and tokens."""
        view = self._budgets()
        spent = GaugeMetricFamily("evopipe_budget_spent", "Used of a budget today.", labels=["budget", "unit"])
        reserved = GaugeMetricFamily(
            "evopipe_budget_reserved", "Set aside for calls under way.", labels=["budget", "unit"]
        )
        left = GaugeMetricFamily("evopipe_budget_left", "What may still be reserved.", labels=["budget", "unit"])
        accounts = () if view is None else view.accounts
        bounded = [each for each in accounts if each.origin and not each.of and not each.path.endswith("/*")]
        for each in bounded[:MAX_BUDGETS]:
            if each.usd_left is not None:
                spent.add_metric([each.path, "usd"], float(each.usd_spent))
                reserved.add_metric([each.path, "usd"], float(each.usd_reserved))
                left.add_metric([each.path, "usd"], float(each.usd_left))
            if each.tokens_left is not None:
                spent.add_metric([each.path, "tokens"], each.tokens_spent)
                reserved.add_metric([each.path, "tokens"], each.tokens_reserved)
                left.add_metric([each.path, "tokens"], each.tokens_left)
        yield spent
        yield reserved
        yield left


def _kind(path: str) -> str:
    return path.partition("/")[0]
