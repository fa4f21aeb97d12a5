"""The node's counters and histograms, fed by the kernel's events.

To add a metric: a field here or in the module of its subject, a line in that one's `observe`, a test, and its name in
the docs.
Names follow the Prometheus conventions: `evopipe_` first, base units (seconds, USD), `_total` for counters.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from actors.approvals import ApprovalSettled, ApprovalsPending
from actors.audit import AuditBook
from actors.kernel import (
    EVERY_LIFE,
    CallTimedOut,
    ChildRestarted,
    Kernel,
    LoopBlocked,
    MailboxOverflowed,
    SupervisorEscalated,
)
from actors.killswitch import KillView
from actors.providers.events import ProviderCalled
from actors.runs.events import RunEvent
from actors.treasury import BudgetView
from pipelines.guardrails.breaker_panel import BreakerPanel
from runtime.metrics.calls import CallMetrics
from runtime.metrics.flow import FlowMetrics
from runtime.metrics.labels import UNKNOWN, BoundedLabel
from runtime.metrics.live import LiveActors, LiveAudit, LiveSwitches
from runtime.metrics.money import MoneyMetrics
from runtime.metrics.runs import RunMetrics

WAITING_SECONDS = (1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0, 604_800.0)
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

#: Supervisors of these kinds have an id in their names.
ONE_FAMILY = frozenset({"run", "evolution"})


class NodeMetrics:
    """All metrics of one node, on a registry of their own. Made and read on the loop's thread.

    `attach()` subscribes to the kernel's events.
    """

    def __init__(
        self,
        kernel: Kernel,
        view: KillView,
        panel: BreakerPanel | None = None,
        budgets: Callable[[], BudgetView | None] = lambda: None,
        audit: AuditBook | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self._kernel = kernel
        self._provider = BoundedLabel(20)
        self._supervisor = BoundedLabel(60)
        self._actor_class = BoundedLabel(80)
        self._runs = RunMetrics(self.registry)
        self._calls = CallMetrics(self.registry, self._provider)
        self._make_approval_metrics()
        self._make_kernel_metrics()
        self._flow = FlowMetrics(self.registry, self._provider, panel)
        self._money = MoneyMetrics(self.registry, budgets)
        self.registry.register(LiveActors(kernel, self._actor_class))
        Gauge(
            "evopipe_event_loop_cores",
            "Cores that the event loop may run on; 1 while its threads share one.",
            registry=self.registry,
        ).set_function(lambda: len(kernel.cores))
        self.registry.register(LiveSwitches(view))
        self.registry.register(LiveAudit(audit or AuditBook()))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def attach(self) -> Callable[[], None]:
        """Counts what happens from now on; the returned function ends that."""
        return self._kernel.events.subscribe(self.observe, but=EVERY_LIFE)

    def observe(self, event: object) -> None:
        """Counts one event; kinds it does not know are no error."""
        match event:
            case RunEvent():
                self._runs.observe(event)
            case ProviderCalled():
                self._calls.observe(event)
            case ChildRestarted():
                self._restarts.labels(self._supervisor(family(event.supervisor))).inc()
            case SupervisorEscalated():
                self._escalations.labels(self._supervisor(family(event.supervisor))).inc()
            case MailboxOverflowed():
                self._overflows.labels(self._actor_class(event.ref.actor_class.__name__)).inc()
            case CallTimedOut():
                self._call_timeouts.labels(self._actor_class(event.ref.actor_class.__name__)).inc()
            case LoopBlocked():
                self._blocked.inc()
            case ApprovalsPending(count):
                self._approvals_pending.set(count)
            case ApprovalSettled(outcome=outcome, waited_s=waited_s):
                self._approvals.labels(outcome).inc()
                self._approval_seconds.observe(max(0.0, waited_s))
            case _:
                if not self._money.observe(event):
                    self._flow.observe(event)

    def observe_loop_lag(self, lag_s: float) -> None:
        """Counts how late the event loop was at one measurement, in seconds."""
        self._lag.observe(max(0.0, lag_s))

    # ---- questions to people -------------------------------------------------------------------------------

    def _make_approval_metrics(self) -> None:
        registry = self.registry
        self._approvals_pending = Gauge(
            "evopipe_approvals_pending", "Questions that wait for a person now.", registry=registry
        )
        self._approvals = Counter(
            "evopipe_approvals", "Questions that were answered or have expired.", ["outcome"], registry=registry
        )
        self._approval_seconds = Histogram(
            "evopipe_approval_waiting_seconds",
            "How long questions waited for their answer.",
            buckets=WAITING_SECONDS,
            registry=registry,
        )

    # ---- kernel --------------------------------------------------------------------------------------------

    def _make_kernel_metrics(self) -> None:
        registry = self.registry
        build = Info("evopipe_build", "What runs here.", registry=registry)
        build.info({"version": installed_version(), "python": platform.python_version()})
        self._restarts = Counter(
            "evopipe_actor_restarts", "Children started again by their supervisor.", ["supervisor"], registry=registry
        )
        self._escalations = Counter(
            "evopipe_supervisor_escalations",
            "Supervisors that went past their restart intensity.",
            ["supervisor"],
            registry=registry,
        )
        self._overflows = Counter(
            "evopipe_mailbox_overflows", "Messages refused or dropped by a full mailbox.", ["class"], registry=registry
        )
        self._call_timeouts = Counter(
            "evopipe_call_timeouts", "Calls whose caller gave up waiting.", ["class"], registry=registry
        )
        self._lag = Histogram(
            "evopipe_event_loop_lag_seconds", "How late the event loop ran.", buckets=LAG_SECONDS, registry=registry
        )
        self._blocked = Counter(
            "evopipe_event_loop_blocked", "Times something held the event loop for long.", registry=registry
        )


def family(name: str) -> str:
    """The part of an actor's name that its kind shares: `Supervisor#12` and `run.12` have one series each kind."""
    head = name.partition("#")[0]
    kind, dot, _ = head.partition(".")
    return kind if dot and kind in ONE_FAMILY else head


def installed_version() -> str:
    """This distribution's version, `unknown` in a tree that was never installed."""
    try:
        return version("evopipe")
    except PackageNotFoundError:
        return UNKNOWN
