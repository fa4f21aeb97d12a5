"""Failures of steps as values, and what to do about them: try again, find another way, go on, or fail."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from pipelines.language import BaseStep, RetryPolicy

LONGEST_WAIT_S: Final = 600.0
"""A provider that wants to be asked again later than this is not waited for."""


class FailureKind(StrEnum):
    """What the caller may do about a failure.

    transient: try again. error: an unforeseen exception, worth another try. timeout: the step's own deadline.
    refused, unavailable, invalid: the same again would fail again, another way may not. spent, forbidden: stop.
    """

    TRANSIENT = "transient"
    ERROR = "error"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    INVALID = "invalid"
    SPENT = "spent"
    FORBIDDEN = "forbidden"

    @property
    def worth_another_try(self) -> bool:
        """Whether the same again may succeed."""
        return self in _RETRIED


_RETRIED: Final = frozenset({FailureKind.TRANSIENT, FailureKind.ERROR, FailureKind.TIMEOUT})
_FINAL: Final = frozenset({FailureKind.SPENT, FailureKind.FORBIDDEN})


@dataclass(frozen=True, slots=True)
class StepFailure:
    """Why an attempt failed. `code` is stable, `message` is for people."""

    kind: FailureKind
    code: str
    message: str
    provider: str | None = None
    retry_after_s: float | None = None

    def error(self, step: str, step_type: str, attempts: int) -> dict[str, JsonValue]:
        """The failure as journals, events and the fallback see it."""
        facts: dict[str, JsonValue] = {
            "code": self.code,
            "message": self.message,
            "kind": str(self.kind),
            "step": step,
            "type": step_type,
            "attempts": attempts,
        }
        if self.provider is not None:
            facts["provider"] = self.provider
        return facts


def retry_delay_s(policy: RetryPolicy, attempt: int, failure: StepFailure, rng: random.Random) -> float | None:
    """Seconds to wait before the attempt after `attempt` (from 1); None: no further attempt.

    A provider's Retry-After is the least that is waited, unless it is longer than `LONGEST_WAIT_S`.
    """
    if not failure.kind.worth_another_try or attempt >= policy.max_attempts:
        return None
    delay_s = policy.delay_s(attempt, rng)
    if failure.retry_after_s is None:
        return delay_s
    if failure.retry_after_s > LONGEST_WAIT_S:
        return None
    return max(delay_s, failure.retry_after_s)


def wants_another_way(step: BaseStep, kind: FailureKind) -> bool:
    """Whether the emergent fallback is asked once the step's own attempts are used up."""
    return step.on_error == "fallback" and kind not in _FINAL


def continued_result(error: dict[str, JsonValue]) -> JsonValue:
    """The result of a failed step with `on_error: continue`."""
    return {"success": False, "error": error}
