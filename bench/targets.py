"""The figures this project holds itself to, and how a report is compared with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast


@dataclass(frozen=True, slots=True)
class Target:
    """A figure in a report (dotted path) and the bound it has to keep."""

    path: str
    bound: Literal["at least", "at most"]
    value: float
    unit: str
    issue: int
    """Which of the project's issues asks for it: the later the stricter."""

    def kept(self, found: float) -> bool:
        """Whether `found` keeps the bound."""
        return found >= self.value if self.bound == "at least" else found <= self.value


TARGETS = (
    Target("actors.kernel.spawns_per_s", "at least", 20_000, "/s", 2),
    Target("actors.kernel.kb_per_actor", "at most", 6, "KB", 2),
    Target("actors.kernel.calls_per_s", "at least", 40_000, "/s", 2),
    Target("actors.kernel.waiting_10000.seconds", "at most", 1.2, "s", 2),
    Target("actors.kernel.recovery.p50_ms", "at most", 1, "ms", 2),
    Target("actors.kernel.recovery.p99_ms", "at most", 5, "ms", 2),
    Target("actors.kernel.spawns_per_s", "at least", 40_000, "/s", 3),
    Target("actors.kernel.supervised_spawns_per_s", "at least", 20_000, "/s", 3),
    Target("actors.kernel.kb_per_actor", "at most", 4, "KB", 3),
    Target("actors.kernel.calls_per_s", "at least", 80_000, "/s", 3),
    Target("actors.kernel.tells_per_s", "at least", 600_000, "/s", 3),
    Target("actors.kernel.asks_from_1_threads_per_s", "at least", 15_000, "/s", 3),
    Target("actors.kernel.asks_from_4_threads_per_s", "at least", 15_000, "/s", 3),
    Target("actors.kernel.recovery.p50_ms", "at most", 0.4, "ms", 3),
    Target("actors.kernel.recovery.p99_ms", "at most", 1.5, "ms", 3),
    Target("actors.kernel.recovery_among_10000.p50_ms", "at most", 0.4, "ms", 3),
    Target("actors.kernel.recovery_among_10000.p99_ms", "at most", 1.5, "ms", 3),
    Target("actors.kernel.recovery_among_10000_dynamic.p50_ms", "at most", 0.4, "ms", 3),
    Target("actors.kernel.recovery_among_10000_dynamic.p99_ms", "at most", 1.5, "ms", 3),
    Target("actors.kernel.one_for_all_1000.ms", "at most", 150, "ms", 3),
    Target("actors.kernel.tree_10000.stop_s", "at most", 1, "s", 3),
    Target("actors.kernel.tree_10000.stop_ordered_s", "at most", 1, "s", 3),
    Target("actors.kernel.tree_10000.stop_tidy_s", "at most", 1, "s", 3),
    Target("actors.kernel.tree_10000.snapshot_ms", "at most", 50, "ms", 3),
    Target("actors.kernel.growth_100000.spawn_ratio", "at most", 1.5, "x", 3),
    Target("actors.kernel.growth_100000.supervised_spawn_ratio", "at most", 1.5, "x", 3),
    Target("actors.kernel.growth_100000.call_ratio", "at most", 1.5, "x", 3),
    Target("actors.kernel.growth_100000.crash_ratio", "at most", 1.5, "x", 3),
    Target("engine.evopipe.step_us", "at most", 250, "µs", 2),
    Target("engine.evopipe.at_once_5000.seconds", "at most", 2.75, "s", 2),
    Target("engine.evopipe.at_once_5000.failed", "at most", 0, "runs", 2),
    *(
        Target(f"switches.live_10000.{level}.{figure}", "at most", bound, unit, 5)
        for level in ("node", "tenant", "evolution", "pipeline", "provider", "step")
        for figure, bound, unit in (
            ("in_force_ms", 100, "ms"),
            ("calls_cut_s", 1, "s"),
            ("in_flight_s", 1, "s"),
            ("late_calls", 0, "calls"),
            ("failed", 0, "runs"),
        )
    ),
    Target("admission.call_us", "at most", 10, "µs", 5),
    Target("admission.pipeline_us", "at most", 10, "µs", 5),
    Target("admission.queued_us", "at most", 10, "µs", 5),
    Target("durable.evopipe.normal.step_us", "at most", 300, "µs", 5),
    Target("durable.evopipe.normal.durability_us", "at most", 300, "µs", 5),
    Target("durable.evopipe.normal.steps_per_s", "at least", 5_000, "/s", 5),
    Target("durable.evopipe.normal.at_once_1000.seconds", "at most", 1, "s", 5),
    Target("durable.evopipe.normal.at_once_1000.failed", "at most", 0, "runs", 5),
    Target("durable.evopipe.normal.at_once_1000.peak_rss_mb", "at most", 200, "MB", 5),
    Target("durable.evopipe.normal.at_once_5000.seconds", "at most", 3.5, "s", 5),
    Target("durable.evopipe.normal.at_once_5000.failed", "at most", 0, "runs", 5),
    Target("durable.evopipe.normal.at_once_5000.peak_rss_mb", "at most", 400, "MB", 5),
    Target("durable.evopipe.resume_10000.seconds", "at most", 5, "s", 5),
    Target("durable.evopipe.large_journal.start_s", "at most", 3, "s", 5),
    Target("durable.evopipe.normal.socket.p50_ms", "at most", 3, "ms", 5),
    Target("durable.evopipe.normal.socket.p99_ms", "at most", 15, "ms", 5),
    Target("durable.evopipe.normal.socket.requests_per_s", "at least", 1_000, "/s", 5),
    Target("language.load_20.warm_ms", "at most", 5, "ms", 4),
    Target("language.load_20.cached_ms", "at most", 0.1, "ms", 4),
    Target("language.load_1000.warm_ms", "at most", 250, "ms", 4),
    Target("language.conditions.per_s", "at least", 100_000, "/s", 4),
    Target("language.templates.per_s", "at least", 50_000, "/s", 4),
    Target("language.transform.ratio", "at most", 2, "x", 4),
    Target("language.memory.growth", "at most", 11, "x", 4),
    Target("language.validate.steps_20_s", "at most", 0.35, "s", 4),
    Target("startup.help_s", "at most", 0.15, "s", 2),
    Target("startup.up_until_ready_s", "at most", 1.5, "s", 2),
    Target("startup.idle_rss_mb", "at most", 120, "MB", 2),
)


def at(report: Mapping[str, Any], path: str) -> float | None:
    """Returns the figure at a dotted path, or None."""
    found: object = dict(report)
    for part in path.split("."):
        below: Mapping[str, object] = cast("Mapping[str, object]", found) if isinstance(found, Mapping) else {}
        if part not in below:
            return None
        found = below[part]
    return float(found) if isinstance(found, int | float) else None


def verdicts(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each target whose figure the report holds, with what was found and whether it is met (None: less was done)."""
    for target in TARGETS:
        found = at(report, target.path)
        if found is not None:
            full = report.get("scale", 1.0) == 1.0  # less work than the target speaks of is judged by nobody
            yield {**asdict(target), "found": found, "met": target.kept(found) if full else None}


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The verdicts and what is said of peers as text, one a line."""
    for each in verdicts(report):
        word = {True: "met   ", False: "MISSED", None: "seen  "}[each["met"]]
        bound = f"({each['bound']} {each['value']:g}, issue {each['issue']})"
        yield f"{word} {each['path']:<55} {each['found']:>12,.3f} {each['unit']:<5} {bound}"
    durable: Mapping[str, Any] = report.get("durable", {})
    for mode, found in durable.get("evopipe", {}).items():
        if mode in ("normal", "full"):
            yield f"mode   evopipe {mode}: {durable['promise'][f'evopipe.{mode}']}"
            yield from (f"seen   durable.evopipe.{mode}.{each}" for each in _figures(found))
    for peer, found in durable.get("peers", {}).items():
        if isinstance(found, str):
            yield f"peer   {peer:<55} {found}"
    for peer, ratios in durable.get("ratios", {}).items():
        for figure, times in ratios.items():
            what = f"durable, evopipe against {peer}: {figure}"
            yield f"peer   {what:<55} {times:>12,.2f} x     (over 1: evopipe is faster)"


def _figures(found: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _figures(cast("Mapping[str, Any]", value), f"{prefix}{name}.")
        elif isinstance(value, int | float):
            yield f"{prefix}{name:<{36 - len(prefix)}} {value:>12,.3f}"
