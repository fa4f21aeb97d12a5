"""How runs end as far as the dispatcher goes: heard of, cancelled, failed from here, or left for the next node."""

from __future__ import annotations

from typing import Any, Literal

from actors.journal import CloseRun
from actors.kernel import Actor, ActorDeadError, CallTimeout
from actors.runs.closing import outcome_of
from actors.runs.lookup import record_of
from actors.runs.messages import CancelRun
from actors.runs.names import pipeline_name
from actors.runs.recording import journal
from actors.runs.roll import LiveRun, Roll
from actors.runs.trees import RunTrees
from actors.runs.values import RunOutcome
from actors.runs.workbench import Workbench

_CANCEL_TIMEOUT_S = 20.0  # less than a request has; one of thousands that are resumed reads the journal first


class RunEndings:
    """Takes runs off the roll, unwatches their trees and answers who waits for them."""

    def __init__(self, actor: Actor, roll: Roll, trees: RunTrees, bench: Workbench) -> None:
        self._kernel = actor.kernel
        self._roll = roll
        self._trees = trees
        self._bench = bench

    def ended(self, outcome: RunOutcome) -> None:
        """The run has ended like this."""
        live = self._roll.end(outcome)
        if live is not None:
            self._trees.unwatch(live)

    def forget(self, live: LiveRun, error: Exception) -> None:
        """The run is not live here and has no outcome."""
        self._roll.strike(live)
        self._trees.unwatch(live)
        live.answer(error)

    async def cancel(self, run_id: str) -> bool:
        """See `CancelRun`."""
        if run_id not in self._roll:
            await record_of(self._kernel, run_id)
            return False
        try:
            return await self._kernel.ref(pipeline_name(run_id)).call(CancelRun(run_id), timeout_s=_CANCEL_TIMEOUT_S)
        except (ActorDeadError, CallTimeout):
            # Its PipelineActor is between two lives, or hangs: end the whole tree and close the run from here.
            await self._trees.terminate(run_id)
            error = {"code": "cancelled", "message": "the run was cancelled"}
            return await self._conclude(run_id, "cancelled", error)

    async def fail(self, run_id: str, error: dict[str, Any]) -> None:
        """Ends a run as failed that has no PipelineActor, or never had one."""
        await self._conclude(run_id, "failed", error)

    async def abandon(self, run_id: str) -> None:
        """Ends a run as cancelled that nobody waits for any more, and that has no PipelineActor."""
        error = {"code": "cancelled", "message": "the step that it was to help begins again"}
        await self._conclude(run_id, "cancelled", error)

    async def _conclude(self, run_id: str, status: Literal["failed", "cancelled"], error: dict[str, Any]) -> bool:
        """Whether it ended so, and not otherwise before."""
        self._bench.former_lives.forget(run_id)
        kept: dict[str, Any] = {"error": error}
        stands = await journal(self._kernel, CloseRun(run_id, status, kept), self._bench.record_timeout_s)
        if run_id in self._roll:
            record = await record_of(self._kernel, run_id)
            if stands == status:
                kind: Any = f"run_{status}"
                self._bench.voice.say(self._kernel, run_id, kind, pipeline=record.pipeline_name, error=error)
            self.ended(outcome_of(record))
        return stands == status
