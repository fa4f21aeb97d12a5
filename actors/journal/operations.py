"""What is done to whole runs in the journal, beside the recording of what happens in them. Messages of the Journal.

Each is one transaction of its own, and stands behind the records that were sent before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from actors.journal.records import OpenRun

FORMER = "/@former"
"""Under this path a run that was opened again keeps the results that no longer stand: `/@former[1]/gist`."""


@dataclass(frozen=True, slots=True)
class TakeOverRun:
    """Opens `run` with results of the finished run `source`: those at the paths `steps`, as they were recorded.

    Replies as `OpenRun` does. A run that is there already takes nothing over. Fails with `RunChangedError` when
    `source` does not have all of them any more; then nothing is opened.
    """

    run: OpenRun
    source: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReopenRun:
    """Makes a failed run unfinished again, with this definition and `meta` -> True; False when it has not failed.

    The results at the paths `drop` stand no longer: they move below `FORMER` with the number `round`, so that what
    they cost still counts.
    """

    run_id: str
    definition: JsonValue
    definition_hash: str
    meta: Mapping[str, JsonValue]
    drop: tuple[str, ...]
    round: int


@dataclass(frozen=True, slots=True)
class ForgetRuns:
    """Deletes the oldest runs that ended before `before` (Unix seconds), at most `limit` -> how many. Their
    idempotency keys go with them."""

    before: float
    limit: int = 100


@dataclass(frozen=True, slots=True)
class BlankRuns:
    """Takes the content (definition, inputs, prompts, answers, outputs) out of the oldest runs that ended before
    `before` (Unix seconds) and still have it, at most `limit` -> how many. Status, usage, cost and errors' codes stay.
    """

    before: float
    at: float
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Vacuum:
    """Gives room that deleted records have left back to the disk -> `Vacuumed`. Nothing is recorded meanwhile, so that
    a journal of more than `most_bytes` is refused with `JournalBusyError` (None: never)."""

    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """The journal's size in bytes before and after."""

    before: int
    after: int


Operation = TakeOverRun | ReopenRun | ForgetRuns | BlankRuns | Vacuum
OPERATIONS = (TakeOverRun, ReopenRun, ForgetRuns, BlankRuns, Vacuum)
