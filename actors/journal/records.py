"""The journal's values: what is written (messages that are also rows) and what is read back.

A step is keyed by (run, step); the step's name is a path for nested work ("outer/inner", "loop[3]/inner").
Only the step's final result is recorded: attempts on the way are run events, not records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct
from pydantic import JsonValue

from actors.journal.errors import JournalError
from actors.journal.json_text import as_json
from actors.journal.large import Stored

FINAL_STATUSES = frozenset({"succeeded", "failed", "cancelled"})
"""A run with one of these is finished and keeps it; any other ("running", "paused") may be replaced."""

RUNNING = "running"


class OpenRun(Struct, frozen=True):
    """Opens a run. Replies `(run_id, created)`: an idempotency key or run id that is known already gives the
    run that has it and `False`. The same key with another definition or other inputs fails with
    `IdempotencyConflictError`."""

    run_id: str
    pipeline_name: str
    definition: JsonValue
    definition_hash: str
    inputs: Mapping[str, JsonValue]
    meta: Mapping[str, JsonValue] = {}
    idempotency_key: str | None = None


def is_same_definition(asked: OpenRun, definition_hash: str, meta: Mapping[str, JsonValue]) -> bool:
    """Whether a run that is there was opened for the definition that is `asked` for now. `meta.asked_hash`, where there
    is one, is that of the definition before its references were resolved: these may lead elsewhere by now."""
    wanted = asked.meta.get("asked_hash")
    return definition_hash == asked.definition_hash or (wanted is not None and wanted == meta.get("asked_hash"))


class RecordStep(Struct, frozen=True):
    """Records a step's final result. Replies the `StepRecord` that stands: of two results for one
    (run, step) the first one wins, whoever asks."""

    run_id: str
    step: str
    attempt: int
    status: str
    result: JsonValue


class CloseRun(Struct, frozen=True):
    """Sets the run's status and outcome. Replies the status that stands: a finished run stays as it ended;
    a status outside `FINAL_STATUSES` ("paused") leaves the run unfinished."""

    run_id: str
    status: str
    outcome: JsonValue = None


class StepRecord(Struct, frozen=True):
    """One recorded step; `at` is Unix time in seconds. `stored` says that its result is kept apart because it is large;
    such a `result` is whole, or a `LostResult` when it cannot be read. Asked for without large values, it has the small
    fields of a map, and is None else."""

    run_id: str
    step: str
    attempt: int
    status: str
    result: JsonValue
    at: float
    stored: Stored | None = None


class EndRun(Struct, frozen=True):
    """Records a run's last step and closes the run, both or neither. Replies `Ended`. Where
    another result than `step`'s stands for that step already nothing is closed."""

    step: RecordStep
    end: CloseRun

    @property
    def run_id(self) -> str:
        """The run that ends."""
        return self.step.run_id


class Ended(Struct, frozen=True):
    """The record that stands for the step, and the status that the run has ended with; None: it has not."""

    step: StepRecord
    status: str | None


def is_as_given(stands: StepRecord, given: RecordStep) -> bool:
    """Whether the record that stands for a step is this one, or says the same."""
    if stands.result is given.result:
        return True
    try:
        return stands.status == given.status and as_json(stands.result) == as_json(given.result)
    except (JournalError, TypeError, ValueError, RecursionError):  # it is lost, or not JSON
        return False


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run with its recorded steps, by step path, in the order they were recorded. `outcome` is like a step's
    `result`, with its `outcome_stored`."""

    run_id: str
    pipeline_name: str
    definition: JsonValue
    definition_hash: str
    inputs: Mapping[str, JsonValue]
    meta: Mapping[str, JsonValue]
    status: str
    steps: Mapping[str, StepRecord]
    outcome: JsonValue = None
    idempotency_key: str | None = None
    opened_at: float = 0.0
    closed_at: float | None = None
    outcome_stored: Stored | None = None

    @property
    def finished(self) -> bool:
        """Whether the run has ended and will not be resumed."""
        return self.status in FINAL_STATUSES


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of a listing: no definition, no results."""

    run_id: str
    pipeline_name: str
    definition_hash: str
    status: str
    opened_at: float
    closed_at: float | None
    recorded_steps: int


@dataclass(frozen=True, slots=True)
class KeptText:
    """JSON that the journal keeps, checked against its hash: of which length, and the part of it that was asked for."""

    size_bytes: int
    sha256: str
    part: bytes


Write = OpenRun | RecordStep | CloseRun | EndRun
WRITES = (OpenRun, RecordStep, CloseRun, EndRun)
WriteReply = tuple[str, bool] | StepRecord | str | Ended
"""What `OpenRun`, `RecordStep`, `CloseRun` and `EndRun` reply, in this order."""
