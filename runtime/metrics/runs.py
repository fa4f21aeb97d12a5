"""What becomes of runs and of their steps: how many, how they ended, how long they took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from actors.runs.events import RunEvent
from actors.runs.values import RunOrigin
from runtime.metrics.labels import UNKNOWN, BoundedLabel

STEP_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
RUN_SECONDS = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)

RUN_ENDS = {"run_succeeded": "succeeded", "run_failed": "failed", "run_cancelled": "cancelled"}
STEP_ENDS = {"step_succeeded": "succeeded", "step_failed": "failed", "step_skipped": "skipped"}
FALLBACK_ENDS = {"fallback_succeeded": "succeeded", "fallback_failed": "failed"}
RUN_BEGINNINGS = frozenset({"run_accepted", "run_started", "run_resumed", "run_reopened", "run_paused", "run_unpaused"})
ORIGINS = get_args(RunOrigin)


class RunMetrics:
    """Fed by the events of runs. Those in flight are counted by id: one whose actor was restarted counts once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._pipeline = BoundedLabel(100)
        self._step_type = BoundedLabel(40)
        self._in_flight: dict[str, tuple[str, str]] = {}  # run id -> pipeline and origin labels
        self._paused: set[str] = set()
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

    def observe(self, event: RunEvent) -> None:
        """Counts one event of a run; kinds that change no metric are no error."""
        kind, data = event.kind, event.data
        if kind in RUN_ENDS:
            self._observe_end(event.run_id, RUN_ENDS[kind], data)
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

    def _observe_end(self, run_id: str, status: str, data: Mapping[str, Any]) -> None:
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


def duration(data: Mapping[str, Any]) -> float | None:
    """The event's duration in seconds, if it has one."""
    seconds = data.get("duration_s")
    return max(0.0, float(seconds)) if isinstance(seconds, int | float) else None
