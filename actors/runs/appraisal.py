"""What a run's guardrails know of it while it goes on, and say of it at its end."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping

from pydantic import JsonValue

from actors.runs.events import RunEvent
from actors.runs.values import RunOutcome, RunRequest
from pipelines.guardrails.phase_names import Maturity
from pipelines.guardrails.phases import Level, error_rate, maturity_of
from pipelines.guardrails.review import FAILED_BY_THEMSELVES, Ending, review
from pipelines.language import Limits

_SLOWEST = 5


def level_of(request: RunRequest, levels: Mapping[Maturity, Level]) -> Level | None:
    """The guardrails of the run; None where the node has none. A fallback keeps to its run's limits by its payer."""
    return levels.get(maturity_of(request.pipeline, request.origin))


def limits_of(request: RunRequest, level: Level | None) -> Limits:
    """The pipeline's own limits, narrowed by those of its level."""
    own = request.pipeline.limits
    return own if level is None else level.limits(own)


class Appraisal:
    """Counts how steps end. Bounded: single statuses are kept for the run's own steps only."""

    def __init__(self, level: Level | None) -> None:
        self._level = level
        self._counts: Counter[str] = Counter()
        self._statuses: dict[str, str] = {}
        self._slowest: list[tuple[float, str]] = []

    def restore(self, recorded: Mapping[str, tuple[str, JsonValue]]) -> None:
        """What ended in a former life of the run."""
        for key, (status, _) in recorded.items():
            if status != "kept" and not key.startswith("/"):
                self._count(key, status)

    def ended(self, key: str, status: str, seconds: float) -> dict[str, JsonValue] | None:
        """A step has ended; the error that ends the run with it, when too many have failed."""
        if self._level is None:
            return None
        self._count(key, status)
        heapq.heappush(self._slowest, (seconds, key))
        if len(self._slowest) > _SLOWEST:
            heapq.heappop(self._slowest)
        if status not in FAILED_BY_THEMSELVES:
            return None
        failed = sum(self._counts[each] for each in FAILED_BY_THEMSELVES)
        found = error_rate(self._level, self._counts.total() - self._counts["skipped"], failed)
        if found is None:
            return None
        place: dict[str, JsonValue] = {"phase": found.phase, "rule": found.rule, "level": found.level}
        return {"code": "guardrail", "message": found.text, "kind": "limit", "step": key, **place}

    @property
    def reviews(self) -> bool:
        """Whether there are rules for what a run has come to."""
        return self._level is not None and bool(self._level.post_execution)

    def with_one(self, key: str, status: str, seconds: float) -> Appraisal:
        """What is known once this step has ended too; this one does not count it."""
        if not self.reviews:
            return self
        other = Appraisal(self._level)
        other._counts, other._statuses, other._slowest = self._counts.copy(), dict(self._statuses), [*self._slowest]
        other.ended(key, status, seconds)
        return other

    def review(self, outcome: RunOutcome, events: tuple[RunEvent, ...]) -> dict[str, JsonValue] | None:
        """What the level's rules after a run say; `events` are those that are still kept."""
        if self._level is None or not self._level.post_execution:
            return None
        ending = Ending(
            counts=self._counts,
            statuses=self._statuses,
            slowest=tuple((key, seconds) for seconds, key in sorted(self._slowest, reverse=True)),
            results=outcome.results,
            outputs=outcome.outputs,
            duration_s=outcome.duration_s,
            tokens=sum(outcome.usage.values()),
            cost_usd=outcome.cost_usd,
            retries=sum(event.kind == "step_retrying" for event in events),
        )
        return review(self._level, ending)

    def _count(self, key: str, status: str) -> None:
        self._counts[status] += 1
        if "/" not in key and "[" not in key:
            self._statuses[key] = status
