"""What a StepActor has the journal keep: parts of its work, and its result, which may be the run's last."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from actors.journal import (
    CloseRun,
    Ended,
    EndRun,
    JournalBusyError,
    JournalError,
    JournalUnavailableError,
    LoadRun,
    RecordStep,
    RunRecord,
    StepRecord,
)
from actors.kernel import Kernel
from actors.runs.beginning import error_in
from actors.runs.messages import WouldEnd
from actors.runs.recording import journal
from actors.runs.ticket import StepTicket
from pipelines.execution import continued_result

_ASK_TIMEOUT_S = 10.0


class StepRecords:
    """Of one StepActor. `attempt` is the one of this life that is under way."""

    __slots__ = ("_kernel", "_patience_s", "_ticket", "attempt")

    def __init__(self, kernel: Kernel, ticket: StepTicket, patience_s: float) -> None:
        self._kernel = kernel
        self._ticket = ticket
        self._patience_s = patience_s
        self.attempt = 1

    async def result(self, status: str, result: JsonValue) -> tuple[StepRecord, str | None]:
        """The record that stands for the step once it is durable, and what the run has ended with, if it ended with it.
        Raises `JournalError`."""
        ticket = self._ticket
        entry = self._entry(ticket.key, status, result)
        end = await self._end_with(status, result) if ticket.last and status != "failed" else None
        if end is not None:
            try:
                both: Ended = await journal(self._kernel, EndRun(entry, end), self._patience_s)
                return both.step, both.status
            except (JournalUnavailableError, JournalBusyError):
                raise
            except JournalError:
                pass  # one of the two is refused: the step's record shows whether it is this one
        return await journal(self._kernel, entry, self._patience_s), None

    async def keep_part(self, part: str, value: JsonValue) -> JsonValue:
        """Keeps a part of the step's work below its path; the value that stands. Raises `JournalError`."""
        entry = self._entry(f"{self._ticket.key}/{part}", "kept", value)
        stands: StepRecord = await journal(self._kernel, entry, self._patience_s)
        return stands.result

    async def parts(self) -> Mapping[str, JsonValue]:
        """The parts that are kept. Raises `JournalError`."""
        below = f"{self._ticket.key}/"
        asked = LoadRun(self._ticket.run_id, under=below)
        record: RunRecord | None = await journal(self._kernel, asked, self._patience_s)
        steps: Mapping[str, StepRecord] = {} if record is None else record.steps
        return {
            key.removeprefix(below): step.result
            for key, step in steps.items()
            if step.status == "kept" and key.startswith(below)
        }

    def _entry(self, key: str, status: str, result: JsonValue) -> RecordStep:
        ticket = self._ticket
        if status == "failed":
            result = continued_result(error_in(result))
        # Those of a life that was cut off are not on record: it counts as one.
        return RecordStep(ticket.run_id, key, ticket.incarnations - 1 + self.attempt, status, result)

    async def _end_with(self, status: str, result: JsonValue) -> CloseRun | None:
        """How the run ends if it ends with this result. A PipelineActor that does not say it closes the run itself."""
        ticket = self._ticket
        try:
            asked = WouldEnd(ticket.key, status, result)
            return await ticket.owner.call(asked, timeout_s=_ASK_TIMEOUT_S) or None
        except Exception:  # noqa: BLE001 - whatever it fails with, this step has a result to be recorded
            return None
