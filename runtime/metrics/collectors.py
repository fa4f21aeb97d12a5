"""The node's counters and histograms, fed by the kernel's events.

To add a metric: a field here, a line in `observe` or the observer it calls, a test, and its name in the docs.
Names follow the Prometheus conventions: `evopipe_` first, base units (seconds, USD), `_total` for counters.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, get_args

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
from actors.runs.values import RunOrigin
from actors.treasury import BudgetView
from pipelines.guardrails.breaker_panel import BreakerPanel
from runtime.metrics.flow import FlowMetrics
from runtime.metrics.labels import UNKNOWN, BoundedLabel, one_of
from runtime.metrics.live import LiveActors, LiveAudit, LiveSwitches
from runtime.metrics.money import MoneyMetrics

STEP_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
CALL_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
RUN_SECONDS = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
WAITING_SECONDS = (1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0, 604_800.0)
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

ERROR_CLASSES = frozenset({"transient", "refused", "spent", "unavailable"})
RUN_ENDS = {"run_succeeded": "succeeded", "run_failed": "failed", "run_cancelled": "cancelled"}
STEP_ENDS = {"step_succeeded": "succeeded", "step_failed": "failed", "step_skipped": "skipped"}
FALLBACK_ENDS = {"fallback_succeeded": "succeeded", "fallback_failed": "failed"}
#: Supervisors of these kinds have an id in their names.
ONE_FAMILY = frozenset({"run", "evolution"})
RUN_BEGINNINGS = frozenset({"run_accepted", "run_started", "run_resumed", "run_reopened", "run_paused", "run_unpaused"})
ORIGINS = get_args(RunOrigin)


class NodeMetrics:
    """All metrics of one node, on a registry of their own. Made and read on the loop's thread.

    `attach()` subscribes to the kernel's events. Runs in flight are counted by id, so that a run whose actor was
    restarted counts once.
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
        self._pipeline = BoundedLabel(100)
        self._step_type = BoundedLabel(40)
        self._provider = BoundedLabel(20)
        self._model = BoundedLabel(40)
        self._supervisor = BoundedLabel(60)
        self._actor_class = BoundedLabel(80)
        self._in_flight: dict[str, tuple[str, str]] = {}  # run id -> pipeline and origin labels
        self._paused: set[str] = set()
        self._make_run_metrics()
        self._make_provider_metrics()
        self._make_approval_metrics()
        self._make_kernel_metrics()
        self._flow = FlowMetrics(self.registry, self._provider, panel)
        self._money = MoneyMetrics(self.registry, budgets)
        self.registry.register(LiveActors(kernel, self._actor_class))
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
                self._observe_run(event)
            case ProviderCalled():
                self._observe_call(event)
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

    # ---- runs and steps ------------------------------------------------------------------------------------

    def _make_run_metrics(self) -> None:
        registry = self.registry
        self._runs = Counter(
            "evopipe_runs",
            "Runs that have ended, by how; origin: a user, the fallback or an evolution.",
            ["pipeline", "origin", "status"],
            registry=registry,
        )
        self._run_seconds = Histogram(
            "evopipe_run_duration_seconds", "How long runs took.", ["status"], buckets=RUN_SECONDS, registry=registry
        )
        self._steps = Counter("evopipe_steps", "Steps that have ended, by how.", ["type", "status"], registry=registry)
        self._step_seconds = Histogram(
            "evopipe_step_duration_seconds", "How long steps took.", ["type"], buckets=STEP_SECONDS, registry=registry
        )
        self._retries = Counter("evopipe_step_retries", "Steps tried again by policy.", ["type"], registry=registry)
        self._step_restarts = Counter(
            "evopipe_step_restarts", "Steps started again after a crash.", ["type"], registry=registry
        )
        self._fallbacks = Counter(
            "evopipe_fallbacks", "Emergent fallbacks that have ended.", ["status"], registry=registry
        )
        in_flight = Gauge("evopipe_runs_in_flight", "Runs accepted and not ended yet.", registry=registry)
        in_flight.set_function(lambda: len(self._in_flight))
        paused = Gauge("evopipe_runs_paused", "Runs that wait for a kill switch to be armed.", registry=registry)
        paused.set_function(lambda: len(self._paused))

    def _observe_run(self, event: RunEvent) -> None:
        kind, data = event.kind, event.data
        if kind in RUN_ENDS:
            self._observe_run_end(event.run_id, RUN_ENDS[kind], data)
        elif kind in RUN_BEGINNINGS:
            self._in_flight[event.run_id] = self._labels_of(event.run_id, data)
            if kind == "run_paused":
                self._paused.add(event.run_id)
            else:
                self._paused.discard(event.run_id)
        elif kind in STEP_ENDS:
            step_type = self._step_type(data.get("type"))
            self._steps.labels(step_type, STEP_ENDS[kind]).inc()
            if (seconds := duration(data)) is not None and kind != "step_skipped":
                self._step_seconds.labels(step_type).observe(seconds)
        elif kind == "step_retrying":
            self._retries.labels(self._step_type(data.get("type"))).inc()
        elif kind == "step_restarted":
            self._step_restarts.labels(self._step_type(data.get("type"))).inc()
        elif kind in FALLBACK_ENDS:
            self._fallbacks.labels(FALLBACK_ENDS[kind]).inc()

    def _observe_run_end(self, run_id: str, status: str, data: Mapping[str, Any]) -> None:
        self._runs.labels(*self._labels_of(run_id, data), status).inc()
        self._in_flight.pop(run_id, None)
        self._paused.discard(run_id)
        if (seconds := duration(data)) is not None:
            self._run_seconds.labels(status).observe(seconds)

    def _labels_of(self, run_id: str, data: Mapping[str, Any]) -> tuple[str, str]:
        """The run's pipeline and origin, from this event or from an earlier one of the run."""
        pipeline, origin = self._in_flight.get(run_id, (UNKNOWN, "user"))
        name, came_from = data.get("pipeline"), data.get("origin")
        return self._pipeline(name) if name else pipeline, str(came_from) if came_from in ORIGINS else origin

    # ---- providers -----------------------------------------------------------------------------------------

    def _make_provider_metrics(self) -> None:
        registry = self.registry
        self._call_seconds = Histogram(
            "evopipe_provider_request_duration_seconds",
            "How long provider calls took.",
            ["provider", "model", "outcome"],
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "evopipe_provider_tokens",
            "Tokens that providers counted.",
            ["provider", "model", "direction"],
            registry=registry,
        )
        self._cost = Counter(
            "evopipe_provider_cost_usd",
            "Cost of provider calls whose price is known.",
            ["provider", "model"],
            registry=registry,
        )
        self._errors = Counter(
            "evopipe_provider_errors",
            "Provider calls that failed, by class.",
            ["provider", "model", "class"],
            registry=registry,
        )

    def _observe_call(self, event: ProviderCalled) -> None:
        who = (self._provider(event.provider), self._model(event.model))
        outcome = one_of(event.outcome, {"ok", "error"})
        self._call_seconds.labels(*who, outcome).observe(max(0.0, event.duration_s))
        self._tokens.labels(*who, "input").inc(max(0, event.input_tokens))
        self._tokens.labels(*who, "output").inc(max(0, event.output_tokens))
        if event.cost_usd is not None:
            self._cost.labels(*who).inc(max(0.0, float(event.cost_usd)))
        if event.outcome != "ok":
            self._errors.labels(*who, one_of(event.error_class, ERROR_CLASSES)).inc()

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


def duration(data: Mapping[str, Any]) -> float | None:
    """The event's duration in seconds, if it has one."""
    seconds = data.get("duration_s")
    return max(0.0, float(seconds)) if isinstance(seconds, int | float) else None


def installed_version() -> str:
    """This distribution's version, `unknown` in a tree that was never installed."""
    try:
        return version("evopipe")
    except PackageNotFoundError:
        return UNKNOWN
