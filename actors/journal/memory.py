"""The journal in memory: for tests, benchmarks and runs whose records nobody will ask for.

It outlives the Journal actor (a restarted Journal opens the same object) and not the node. Values are kept
as they are, without a JSON round trip, because the write path must stay in the microseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, assert_never

from msgspec.structs import replace as struct_replace
from pydantic import JsonValue

from actors.journal.blanking import blanked_meta, blanked_result
from actors.journal.errors import JournalError, changed_meanwhile, conflict, unknown_run
from actors.journal.json_text import as_json
from actors.journal.operations import (
    FORMER,
    BlankRuns,
    ForgetRuns,
    Operation,
    ReopenRun,
    TakeOverRun,
    Vacuum,
    Vacuumed,
)
from actors.journal.records import (
    FINAL_STATUSES,
    RUNNING,
    CloseRun,
    Ended,
    EndRun,
    KeptText,
    OpenRun,
    RecordStep,
    RunRecord,
    RunSummary,
    StepRecord,
    Write,
    WriteReply,
    is_as_given,
    is_same_definition,
)


@dataclass(slots=True)
class _Run:
    opened: OpenRun
    opened_at: float
    status: str = RUNNING
    outcome: JsonValue = None
    closed_at: float | None = None
    steps: dict[str, StepRecord] = field(default_factory=dict[str, StepRecord])

    def record(self, under: str = "") -> RunRecord:
        opened = self.opened
        return RunRecord(
            run_id=opened.run_id,
            pipeline_name=opened.pipeline_name,
            definition=opened.definition,
            definition_hash=opened.definition_hash,
            inputs=opened.inputs,
            meta=opened.meta,
            status=self.status,
            steps={key: step for key, step in self.steps.items() if key.startswith(under)},
            outcome=self.outcome,
            idempotency_key=opened.idempotency_key,
            opened_at=self.opened_at,
            closed_at=self.closed_at,
        )

    def summary(self) -> RunSummary:
        return RunSummary(
            run_id=self.opened.run_id,
            pipeline_name=self.opened.pipeline_name,
            definition_hash=self.opened.definition_hash,
            status=self.status,
            opened_at=self.opened_at,
            closed_at=self.closed_at,
            recorded_steps=len(self.steps),
        )


class MemoryStore:
    """A `JournalStore` and its own `JournalPlace`. With `keep_finished` set, the oldest finished runs beyond
    that number are forgotten, with their idempotency keys."""

    blocking = False

    def __init__(self, keep_finished: int | None = None) -> None:
        self._runs: dict[str, _Run] = {}
        self._run_of_key: dict[str, str] = {}
        self._finished: dict[str, None] = {}
        self._keep_finished = keep_finished

    def open(self) -> MemoryStore:
        return self

    def close(self) -> None:
        """Keeps everything: the next incarnation of the Journal opens it again."""

    def commit(self, writes: Sequence[Write], at: float) -> list[WriteReply | JournalError]:
        replies: list[WriteReply | JournalError] = []
        for write in writes:
            try:
                replies.append(self.write(write, at))
            except JournalError as refused:
                replies.append(refused)
        return replies

    def write(self, write: Write, at: float) -> WriteReply:
        """Applies one write; raises the `JournalError` that refuses it."""
        match write:
            case RecordStep():
                return self._record_step(write, at)
            case OpenRun():
                return self._open_run(write, at)
            case CloseRun():
                return self._close_run(write, at)
            case EndRun(step, end):
                record = self._record_step(step, at)
                return Ended(record, self._close_run(end, at) if is_as_given(record, step) else None)
            case _:
                assert_never(write)

    def operate(self, operation: Operation, at: float) -> Any:
        match operation:
            case TakeOverRun():
                return self._take_over(operation, at)
            case ReopenRun():
                return self._reopen(operation)
            case ForgetRuns():
                found = self._ended_before(operation.before, operation.limit)
                for run in found:
                    self._forget(run.opened.run_id)
                return len(found)
            case BlankRuns():
                return self._blank(operation)
            case Vacuum():
                return Vacuumed(0, 0)
            case _:
                assert_never(operation)

    def load(self, run_id: str, *, whole: bool = True, under: str = "") -> RunRecord | None:
        """Nothing is kept apart here, so everything is always whole."""
        run = self._runs.get(run_id)
        return None if run is None else run.record(under)

    def kept_text(self, run_id: str, step: str | None, at: int, length: int) -> KeptText | None:
        run = self._runs.get(run_id)
        if run is None or (step is not None and step not in run.steps):
            return None
        text = as_json(run.outcome if step is None else run.steps[step].result).encode("ascii")
        return KeptText(len(text), hashlib.sha256(text).hexdigest(), text[at : at + length])

    def unfinished(self) -> tuple[RunRecord, ...]:
        return tuple(run.record() for run in self._runs.values() if run.status not in FINAL_STATUSES)

    def run_of_key(self, idempotency_key: str) -> str | None:
        return self._run_of_key.get(idempotency_key)

    def recent(self, limit: int) -> tuple[RunSummary, ...]:
        return tuple(run.summary() for run in islice(reversed(self._runs.values()), max(limit, 0)))

    def _run(self, run_id: str) -> _Run:
        run = self._runs.get(run_id)
        if run is None:
            raise unknown_run(run_id)
        return run

    def _record_step(self, write: RecordStep, at: float) -> StepRecord:
        steps = self._run(write.run_id).steps
        record = steps.get(write.step)
        if record is None:
            record = StepRecord(write.run_id, write.step, write.attempt, write.status, write.result, at)
            steps[write.step] = record
        return record

    def _open_run(self, write: OpenRun, at: float) -> tuple[str, bool]:
        key = write.idempotency_key
        if key is not None and (known := self._run_of_key.get(key)) is not None:
            first = self._runs[known].opened
            if not is_same_definition(write, first.definition_hash, first.meta) or write.inputs != first.inputs:
                raise conflict(key, known)
            return known, False
        if write.run_id in self._runs:
            return write.run_id, False
        self._runs[write.run_id] = _Run(write, at)
        if key is not None:
            self._run_of_key[key] = write.run_id
        return write.run_id, True

    def _close_run(self, write: CloseRun, at: float) -> str:
        run = self._run(write.run_id)
        if run.status in FINAL_STATUSES:
            return run.status
        run.status, run.outcome = write.status, write.outcome
        if write.status in FINAL_STATUSES:
            run.closed_at = at
            self._finished[write.run_id] = None
            self._forget_oldest()
        return run.status

    def _forget_oldest(self) -> None:
        if self._keep_finished is None:
            return
        while len(self._finished) > self._keep_finished:
            self._forget(next(iter(self._finished)))

    def _forget(self, run_id: str) -> None:
        del self._finished[run_id]
        key = self._runs.pop(run_id).opened.idempotency_key
        if key is not None:
            del self._run_of_key[key]

    # ---- operations ----------------------------------------------------------------------------------------

    def _take_over(self, order: TakeOverRun, at: float) -> tuple[str, bool]:
        source = self._runs.get(order.source)
        wanted = set(order.steps)
        found = [] if source is None else [step for key, step in source.steps.items() if key in wanted]
        if order.run.run_id not in self._runs and len(found) != len(wanted):
            raise changed_meanwhile(order.source)
        run_id, created = self._open_run(order.run, at)
        if created:
            self._runs[run_id].steps.update({step.step: struct_replace(step, run_id=run_id) for step in found})
        return run_id, created

    def _reopen(self, order: ReopenRun) -> bool:
        run = self._runs.get(order.run_id)
        if run is None or run.status != "failed" or "blanked_at" in run.opened.meta:
            return False
        self._finished.pop(order.run_id, None)
        run.opened = struct_replace(
            run.opened, definition=order.definition, definition_hash=order.definition_hash, meta=order.meta
        )
        run.status, run.outcome, run.closed_at = RUNNING, None, None
        dropped = set(order.drop)
        moved = {key: f"{FORMER}[{order.round}]/{key}" if key in dropped else key for key in run.steps}
        run.steps = {moved[key]: struct_replace(step, step=moved[key]) for key, step in run.steps.items()}
        return True

    def _ended_before(self, before: float, limit: int, *, with_content: bool = False) -> list[_Run]:
        ended = [
            run
            for run in (self._runs[run_id] for run_id in self._finished)
            if (run.closed_at or 0.0) < before and not (with_content and "blanked_at" in run.opened.meta)
        ]
        return sorted(ended, key=lambda run: run.closed_at or 0.0)[:limit]

    def _blank(self, order: BlankRuns) -> int:
        found = self._ended_before(order.before, order.limit, with_content=True)
        for run in found:
            meta = blanked_meta(run.opened.meta, order.at)
            run.opened = struct_replace(run.opened, definition="", inputs={}, meta=meta)
            run.outcome = blanked_result(run.outcome)
            run.steps = {
                key: struct_replace(step, result=blanked_result(step.result)) for key, step in run.steps.items()
            }
        return len(found)
