"""Gauges that are read from the living node at each scrape, instead of being kept up to date between scrapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.audit import AuditBook
from actors.kernel import Kernel
from actors.killswitch import KillView
from pipelines.guardrails import Level
from runtime.metrics.labels import OTHER

MAX_SWITCHES = 100


class LiveActors(Collector):
    """How many actors live and how full the fullest mailbox is, by actor class. Collect on the loop's thread."""

    def __init__(self, kernel: Kernel, label: Callable[[object], str]) -> None:
        self._kernel = kernel
        self._label = label

    def describe(self) -> Iterator[Metric]:
        yield from self._families()

    def collect(self) -> Iterator[Metric]:
        alive, fullest = self._families()
        count: Counter[str] = Counter()
        depth: dict[str, int] = {}
        for cell in self._kernel.cells():
            label = self._label(cell.actor_class.__name__)
            count[label] += 1
            depth[label] = max(depth.get(label, 0), cell.mailbox_length())
        for label in count:
            alive.add_metric([label], count[label])
            fullest.add_metric([label], depth[label])
        yield alive
        yield fullest

    def _families(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily("evopipe_actors", "Actors alive.", labels=["class"]),
            GaugeMetricFamily(
                "evopipe_mailbox_depth", "Messages waiting in the fullest mailbox of the class.", labels=["class"]
            ),
        )


class LiveSwitches(Collector):
    """1 for each triggered kill switch; the node's switch is always listed. Past `MAX_SWITCHES` names the rest of a
    level is counted under `other`."""

    def __init__(self, view: KillView) -> None:
        self._view = view

    def describe(self) -> Iterator[Metric]:
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        gauge = self._family()
        triggered = self._view.triggered
        series: Counter[tuple[str, str]] = Counter({(Level.NODE, ""): 0})
        for number, switch in enumerate(triggered):
            listed = number < MAX_SWITCHES or switch.level is Level.NODE
            series[switch.level, switch.name if listed else OTHER] += 1
        for labels, value in series.items():
            gauge.add_metric(labels, value)
        yield gauge

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily("evopipe_kill_switch_triggered", "Kill switches in force.", labels=["level", "name"])


class LiveAudit(Collector):
    """How the audit log stands."""

    def __init__(self, book: AuditBook) -> None:
        self._book = book

    def describe(self) -> Iterator[Metric]:
        yield from self.collect()

    def collect(self) -> Iterator[Metric]:
        book = self._book
        waiting = len(book.waiting) + len(book.in_flight)
        yield CounterMetricFamily("evopipe_audit_entries", "Decisions kept by this node.", value=book.entries)
        yield CounterMetricFamily("evopipe_audit_dropped", "Decisions there was no room for.", value=book.dropped)
        yield GaugeMetricFamily("evopipe_audit_waiting", "Decisions that wait for the disk.", value=waiting)
        yield GaugeMetricFamily(
            "evopipe_audit_failing", "1 while the audit log cannot be written.", value=1 if book.problem else 0
        )
        yield GaugeMetricFamily(
            "evopipe_audit_damaged", "1 when something in the audit log was changed.", value=1 if book.damage else 0
        )
