"""Steps that consist of steps: since when each is at work, how long it may be, and the record of its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from actors.journal import JournalError, RecordStep
from actors.kernel import Actor, Kernel, Timer
from actors.runs.frames import Start
from actors.runs.messages import StepDone, StepGaveUp
from actors.runs.recording import journal
from pipelines.execution import Composite, FailureKind, LimitReachedError, StepFailure, resource_breach


@runtime_checkable
class TimeLimited(Protocol):
    """A composite that may have been given a `max_seconds`."""

    def time_limit(self) -> LimitReachedError | None:
        """What is told when its time is over; None for an ordinary timeout."""
        ...


@dataclass(frozen=True, slots=True)
class Expired:
    """A step that consists of steps has used up its time. Told by the PipelineActor's own timer."""

    key: str
    timeout_s: float

    def error(self, place: Start, composite: Composite, elapsed_s: float) -> dict[str, JsonValue]:
        """The error it fails with."""
        limit = composite.time_limit() if isinstance(composite, TimeLimited) else None
        if limit is not None:
            return limit.error(place.key, place.step.type)
        breach = resource_breach(elapsed_s=elapsed_s, timeout_s=self.timeout_s)
        message = breach or f"the step did not end within {self.timeout_s:g} s"
        return StepFailure(FailureKind.TIMEOUT, "timeout", message).error(place.key, place.step.type, 1)


class OpenSteps:
    """The open steps of one run by path, with the timers that `actor` hears of as `Expired`."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._began: dict[str, float] = {}
        self._timers: dict[str, Timer] = {}

    def opened(self, key: str, began: float, timeout_s: float | None) -> None:
        """A step at work since `began` (seconds of the kernel's clock) has opened and may take `timeout_s` from now."""
        self._began[key] = began
        if timeout_s is not None:
            self.watch(key, timeout_s)

    def watch(self, key: str, timeout_s: float) -> None:
        """Gives an open step this time from now on."""
        self._timers[key] = self._actor.tell_after(timeout_s, Expired(key, timeout_s))

    def since(self, key: str) -> float | None:
        """Since when a step is at work."""
        return self._began.get(key)

    def ended(self, key: str) -> float | None:
        """Forgets a step; gives since when it was at work."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        return self._began.pop(key, None)


async def record_composite(
    kernel: Kernel, run_id: str, place: Start, result: JsonValue, patience_s: float
) -> StepDone | StepGaveUp:
    """Makes the result durable: what a StepActor would tell of it."""
    try:
        stands = await journal(kernel, RecordStep(run_id, place.key, 1, "succeeded", result), patience_s)
    except JournalError as error:
        failure = StepFailure(FailureKind.ERROR, error.code, str(error))
        return StepGaveUp(place.key, failure.error(place.key, place.step.type, 1))
    return StepDone(place.key, stands.status, stands.result)
