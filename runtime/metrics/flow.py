"""What waits, what was turned away, and how the circuit breakers stand."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.providers import CallQueued, CallTurnedAway, CallWaited
from actors.runs.door import RunTurnedAway
from pipelines.guardrails.breaker_panel import BreakerChanged, BreakerPanel
from runtime.metrics.labels import OTHER

QUEUE_SECONDS = (0.001, 0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0)
MAX_BREAKERS = 200
#: How a breaker's state reads as a number.
STATES = {"closed": 0, "half_open": 1, "open": 2, "forced_closed": 3, "forced_open": 4}


class FlowMetrics:
    """The queues of the providers' pools, the door for runs, and the breakers. Fed by the kernel's events."""

    def __init__(
        self, registry: CollectorRegistry, provider: Callable[[object], str], panel: BreakerPanel | None
    ) -> None:
        self._provider = provider
        self._waiting = Gauge(
            "evopipe_provider_calls_waiting", "Calls that wait for their turn now.", ["provider"], registry=registry
        )
        self._waited = Histogram(
            "evopipe_provider_queue_seconds",
            "How long calls waited for their turn, by whether they got it.",
            ["provider", "outcome"],
            buckets=QUEUE_SECONDS,
            registry=registry,
        )
        self._turned_away = Counter(
            "evopipe_provider_calls_turned_away", "Calls not made, by why.", ["provider", "why"], registry=registry
        )
        self._refused = Counter(
            "evopipe_runs_turned_away", "Runs refused for want of room, by whose limit.", ["limit"], registry=registry
        )
        self._transitions = Counter(
            "evopipe_breaker_transitions",
            "Changes of circuit breakers, by the state they went to.",
            ["kind", "to"],
            registry=registry,
        )
        if panel is not None:
            registry.register(LiveBreakers(panel))

    def observe(self, event: object) -> bool:
        """Counts an event of these; whether it was one."""
        match event:
            case CallQueued(provider, waiting):
                self._waiting.labels(self._provider(provider)).set(waiting)
            case CallWaited(provider, outcome, waited_s, waiting):
                name = self._provider(provider)
                self._waiting.labels(name).set(waiting)
                self._waited.labels(name, outcome).observe(max(0.0, waited_s))
            case CallTurnedAway(provider, why):
                self._turned_away.labels(self._provider(provider), why).inc()
            case RunTurnedAway(why):
                self._refused.labels(why).inc()
            case BreakerChanged(name, _, after):
                self._transitions.labels(str(name.kind), str(after)).inc()
            case _:
                return False
        return True


class LiveBreakers(Collector):
    """The state of each breaker. Past `MAX_BREAKERS` names the highest of the rest of a kind is under `other`."""

    def __init__(self, panel: BreakerPanel) -> None:
        self._panel = panel

    def describe(self) -> Iterator[Metric]:
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        gauge = self._family()
        series: Tally[tuple[str, str]] = Tally()
        for number, entry in enumerate(self._panel.entries):
            key = (str(entry.name.kind), entry.name.subject if number < MAX_BREAKERS else OTHER)
            series[key] = max(series[key], STATES[entry.breaker.state])
        for labels, value in series.items():
            gauge.add_metric(labels, value)
        yield gauge

    def _family(self) -> GaugeMetricFamily:
        told = ", ".join(f"{number} {state}" for state, number in STATES.items())
        return GaugeMetricFamily("evopipe_breaker_state", f"Circuit breakers: {told}.", labels=["kind", "subject"])
