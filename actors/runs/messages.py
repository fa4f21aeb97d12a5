"""Messages of the runs' actors.

To "runs" (RunDispatcher): SubmitRun,
ReopenFailedRun, AwaitRun, GetRun, ListRuns, CancelRun, RunEvents, Drain, and from PipelineActors
RunEnded, RunPaused, RunUnpaused. To a PipelineActor ("run.<id>.pipeline"): CancelRun, and from its StepActors WouldEnd,
StepDone, StepOpened, StepGaveUp, StepBlocked, StepStopped, Reserve, Settle, Release, Lent. To a StepActor:
Restate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from msgspec import Struct
from pydantic import JsonValue

from actors.kernel import ActorRef
from actors.runs.values import RunOutcome, RunRequest
from pipelines.execution import Composite
from pipelines.guardrails.kill_switch import Switch


class SubmitRun(Struct, frozen=True):
    """Asks for a run -> run_id, once the request is durable and its actors have started.

    An idempotency key that is known gives the run that has it, whatever would keep a new one out. Fails with
    `KillSwitchedError`, `TooManyRunsError`, `RunNotStartedError`, `InvalidInputsError` or `JournalError`; then nothing
    runs.
    """

    request: RunRequest


@dataclass(frozen=True, slots=True)
class ReopenFailedRun:
    """Lets a failed run go on under its own id: `request` by its present definition, without the results at the paths
    `dropped` -> run_id. `meta` is what the journal keeps of it from now on, `round` counts how often this was done.

    Fails with `RunNotFailedError` and with what `SubmitRun` fails with; then the run stays as it is.
    """

    request: RunRequest
    dropped: tuple[str, ...]
    meta: Mapping[str, JsonValue]
    round: int


class AwaitRun(Struct, frozen=True):
    """Waits for a run's end -> RunOutcome. After `timeout_s`: `RunStillRunningError`, or for a run that a kill switch
    holds the outcome "paused". Fails with `NoSuchRunError`."""

    run_id: str
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class GetRun:
    """Asks for one run -> RunInfo. Fails with `NoSuchRunError`."""

    run_id: str


@dataclass(frozen=True, slots=True)
class ListRuns:
    """Asks for the newest runs -> tuple[RunInfo, ...], newest first."""

    limit: int = 1_000


@dataclass(frozen=True, slots=True)
class CancelRun:
    """Ends a run: cancels what is in flight -> True; False when it had ended already. Fails with `NoSuchRunError`."""

    run_id: str


@dataclass(frozen=True, slots=True)
class RunEvents:
    """Asks for the kept events of a run after `since` -> tuple[RunEvent, ...]; empty when nothing is kept."""

    run_id: str
    since: int = 0


@dataclass(frozen=True, slots=True)
class Drain:
    """Lets no further run in and waits until the live ones have ended, at most `timeout_s` -> how many still live."""

    timeout_s: float


class RunEnded(Struct, frozen=True):
    """A PipelineActor has closed its run."""

    outcome: RunOutcome


@dataclass(frozen=True, slots=True)
class RunPaused:
    """A kill switch holds a run or one of its steps."""

    run_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunUnpaused:
    """Nothing holds the run any more."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Reserve:
    """A step of a run with limits is about to call a provider -> the reservation's number, or a `LimitReachedError` as
    a value. `holder` is the StepActor that makes the call; what is set aside comes back when it ends."""

    key: str
    holder: ActorRef[Any]
    tokens: int
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Settle:
    """The call has its answer, and used this much."""

    key: str
    number: int
    tokens: int
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Release:
    """The call has no answer."""

    number: int


@dataclass(frozen=True, slots=True)
class Restate:
    """Asks a StepActor that was taken over what was set aside for its calls: it answers with `Lent`s."""


@dataclass(frozen=True, slots=True)
class Lent:
    """A reservation that the PipelineActor before had made, for a call that is still under way."""

    reserved: Reserve
    number: int


class StepDone(Struct, frozen=True):
    """A step's result stands in the journal. `status`: succeeded, skipped, recovered or continued. `ended` is what the
    run has ended with there, together with it."""

    key: str
    status: str
    result: JsonValue
    ended: str | None = None


class WouldEnd(Struct, frozen=True):
    """A step is about to record this result -> the `CloseRun` to be recorded with it if the run ends with it, else
    None. Nothing has changed by the question."""

    key: str
    status: str
    result: JsonValue


class StepOpened(Struct, frozen=True):
    """A step turned out to consist of other steps, which its PipelineActor now runs."""

    key: str
    composite: Composite


class StepGaveUp(Struct, frozen=True):
    """A step has failed for good, and that stands in the journal."""

    key: str
    error: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class StepBlocked:
    """A step met a kill switch and has ended without a result."""

    key: str
    switch: Switch


@dataclass(frozen=True, slots=True)
class StepStopped:
    """A StepActor was told to stop before it was done; nobody restarts it. `ticket` is the one it worked on."""

    key: str
    ticket: object
