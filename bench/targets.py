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

    def kept(self, found: float) -> bool:
        """Whether `found` keeps the bound."""
        return found >= self.value if self.bound == "at least" else found <= self.value


TARGETS = (
    Target("actors.kernel.spawns_per_s", "at least", 20_000, "/s"),
    Target("actors.kernel.kb_per_actor", "at most", 6, "KB"),
    Target("actors.kernel.calls_per_s", "at least", 40_000, "/s"),
    Target("actors.kernel.waiting_10000.seconds", "at most", 1.2, "s"),
    Target("actors.kernel.recovery.p50_ms", "at most", 1, "ms"),
    Target("actors.kernel.recovery.p99_ms", "at most", 5, "ms"),
    Target("engine.evopipe.step_us", "at most", 250, "µs"),
    Target("engine.evopipe.at_once_5000.seconds", "at most", 2.75, "s"),
    Target("engine.evopipe.at_once_5000.failed", "at most", 0, "runs"),
    Target("startup.help_s", "at most", 0.15, "s"),
    Target("startup.up_until_ready_s", "at most", 1.5, "s"),
    Target("startup.idle_rss_mb", "at most", 120, "MB"),
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
    """The verdicts as text, one a line."""
    for each in verdicts(report):
        word = {True: "met   ", False: "MISSED", None: "seen  "}[each["met"]]
        bound = f"({each['bound']} {each['value']:g})"
        yield f"{word} {each['path']:<40} {each['found']:>12,.3f} {each['unit']:<5} {bound}"
