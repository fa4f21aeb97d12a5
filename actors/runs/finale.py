"""How a run ends: foreseen, so that the end is durable together with the last step's result, or recorded afterwards."""

from __future__ import annotations

from msgspec.structs import replace as struct_replace
from pydantic import JsonValue

from actors.journal import CloseRun, ResultLostError
from actors.kernel import Kernel
from actors.runs.appraisal import Appraisal
from actors.runs.closing import RunClosing
from actors.runs.frames import FrameTree, Start
from actors.runs.recording import record_end
from actors.runs.values import RunOutcome, RunRequest
from actors.runs.workbench import Workbench


class Finale:
    """Of one run. `tree` and `appraisal` are the PipelineActor's own, and change under its hands."""

    __slots__ = ("_again", "_appraisal", "_bench", "_closing", "_foreseen", "_kernel", "ended")

    def __init__(
        self, kernel: Kernel, request: RunRequest, tree: FrameTree, appraisal: Appraisal, bench: Workbench
    ) -> None:
        self._kernel = kernel
        self._closing = RunClosing(request, tree)
        self._appraisal = appraisal
        self._bench = bench
        self._foreseen: RunOutcome | None = None
        self._again = False  # foreseen more than once: an earlier one may stand
        #: The status that stands for the run in the journal, told with the last step's result.
        self.ended: str | None = None

    def foresee(self, place: Start, status: str, result: JsonValue, step_s: float, run_s: float) -> CloseRun:
        """The run's end if its last step has this result, after so many seconds of the step and of the run."""
        self._again = self._foreseen is not None
        outcome = self._closing.outcome("succeeded", None, run_s, (place, result))
        self._foreseen = self._reviewed(outcome, self._appraisal.with_one(place.key, status, step_s))
        return self._closing.entry(self._foreseen)

    def standing(self, status: str) -> RunOutcome | None:
        """The outcome of a run that ends with `status`, if it is as foreseen, and durable."""
        foreseen = self._foreseen
        if foreseen is None or self._again or status != "succeeded":
            return None
        return foreseen if self.ended == foreseen.status else None

    @property
    def may_stand(self) -> bool:
        """Whether an end was foreseen, and may be durable by now."""
        return self._foreseen is not None

    async def record(self, status: str, error: dict[str, JsonValue] | None, run_s: float) -> RunOutcome:
        """Makes the run's end durable: the outcome that stands, or the one that says that it could not be recorded."""
        outcome = self._reviewed(self._closing.outcome(status, error, run_s), self._appraisal)
        first = self._foreseen is None and self.ended is None  # else the one that was foreseen may stand
        return await record_end(self._kernel, self._closing, outcome, self._bench.record_timeout_s, first=first)

    def _reviewed(self, outcome: RunOutcome, appraisal: Appraisal) -> RunOutcome:
        if not appraisal.reviews:
            return outcome
        try:
            review = appraisal.review(outcome, self._bench.voice.since(outcome.run_id, 0))
        except ResultLostError:  # a run without its review is better than one that cannot end
            return outcome
        return struct_replace(outcome, review=review)
