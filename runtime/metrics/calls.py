"""Calls of providers: how long they took, what they used and cost, and how they failed."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

from actors.providers.events import ProviderCalled
from runtime.metrics.labels import BoundedLabel, one_of

CALL_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
ERROR_CLASSES = frozenset({"transient", "refused", "spent", "unavailable"})


class CallMetrics:
    """Fed by the event of each call that has ended."""

    def __init__(self, registry: CollectorRegistry, provider: Callable[[object], str]) -> None:
        self._provider = provider
        self._model = BoundedLabel(40)
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

    def observe(self, event: ProviderCalled) -> None:
        """Counts one call."""
        who = (self._provider(event.provider), self._model(event.model))
        outcome = one_of(event.outcome, {"ok", "error"})
        self._call_seconds.labels(*who, outcome).observe(max(0.0, event.duration_s))
        self._tokens.labels(*who, "input").inc(max(0, event.input_tokens))
        self._tokens.labels(*who, "output").inc(max(0, event.output_tokens))
        if event.cost_usd is not None:
            self._cost.labels(*who).inc(max(0.0, float(event.cost_usd)))
        if event.outcome != "ok":
            self._errors.labels(*who, one_of(event.error_class, ERROR_CLASSES)).inc()
