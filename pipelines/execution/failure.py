"""Failures of steps as values, and what to do about them: try again, find another way, go on, or fail."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from pipelines.execution.limits import ends
from pipelines.execution.skipping import skipped_by_failure
from pipelines.language import BaseStep, RetryPolicy, WaitingStep

LONGEST_WAIT_S: Final = 600.0
"""A provider that wants to be asked again later than this is not waited for."""


class FailureKind(StrEnum):
    """What the caller may do about a failure.

    transient: try again. error: an unforeseen exception, worth another try. timeout: the step's own deadline.
    refused, unavailable, invalid: the same again would fail again, another way may not. spent, forbidden, limit: stop.
    """

    TRANSIENT = "transient"
    ERROR = "error"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    INVALID = "invalid"
    SPENT = "spent"
    FORBIDDEN = "forbidden"
    LIMIT = "limit"

    @property
    def worth_another_try(self) -> bool:
        """Whether the same again may succeed."""
        return self in _RETRIED


_RETRIED: Final = frozenset({FailureKind.TRANSIENT, FailureKind.ERROR, FailureKind.TIMEOUT})
_FINAL: Final = frozenset({FailureKind.SPENT, FailureKind.FORBIDDEN, FailureKind.LIMIT})
# Nothing may take the place of what a person refused, nor of the step around it.
_PERSONS_NO: Final = frozenset({"rejected", "approval_expired"})


@dataclass(frozen=True, slots=True)
class StepFailure:
    """Why an attempt failed. `code` is stable, `message` is for people."""

    kind: FailureKind
    code: str
    message: str
    provider: str | None = None
    retry_after_s: float | None = None
    facts: Mapping[str, JsonValue] | None = None

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
        return facts if self.facts is None else {**facts, **self.facts}


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
    """Whether the emergent fallback is asked once the step's own attempts are used up. Never in a person's place."""
    return step.on_error == "fallback" and kind not in _FINAL and not isinstance(step, WaitingStep)


def kind_of_error(error: Mapping[str, JsonValue]) -> FailureKind:
    """What the failure of a step that consists of steps may be answered with: its parts have had their own answers."""
    if error.get("code") in _PERSONS_NO:
        return FailureKind.FORBIDDEN
    return FailureKind.LIMIT if error.get("kind") == str(FailureKind.LIMIT) else FailureKind.ERROR


def after_failure(step: BaseStep, key: str, error: dict[str, JsonValue]) -> tuple[str, JsonValue]:
    """(status, result) of a step that has failed for good and for which there is no other way. The status "failed"
    comes with the error itself."""
    if step.on_error not in {"continue", "skip"} or ends(error, key):
        return "failed", error
    if step.on_error == "continue":
        return "continued", continued_result(error)
    return "skipped", skipped_by_failure(step.name, error)


def continued_result(error: dict[str, JsonValue]) -> JsonValue:
    """The result of a failed step with `on_error: continue`."""
    return {"success": False, "error": error}
