"""One genome alive: it runs itself when told to, and tells its chamber what came of it.

It holds nothing that the ledger does not, so that it may die at any time. The run it has in flight then goes on: a
sample has one run, under a name of its own, and the next organism of the genome waits for the same one. A run that died
with its organism would cost twice, and count against a genome that has done nothing wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from actors.evolution.messages import CALLED_OFF, Cull, Evaluate, Sampled, Unsampled
from actors.journal import JournalError
from actors.kernel import Actor, ActorRef, Down, KernelError
from actors.runs.errors import KillSwitchedError, RunError, RunStillRunningError
from actors.runs.messages import AwaitRun, CancelRun, SubmitRun
from actors.runs.values import RunOutcome, RunRequest
from pipelines.genetics import Genome, Observation, rerouted
from pipelines.language import LanguageError

SUBMIT_TIMEOUT_S = 30.0
REPLY_MARGIN_S = 5.0


class Organism(Actor):
    """Answers `Evaluate` with one `Sampled` a run (or `Unsampled`, and the rest is not tried) and ends on `Cull`.

    A run that takes longer than `run_timeout_s` is cancelled and counts as failed. When the organism ends because the
    evolution was called off, its run in flight is cancelled. It is `temporary`: its chamber notices and starts another.
    """

    def __init__(
        self,
        evolution_id: str,
        genome: Genome,
        chamber: ActorRef[Any],
        *,
        inputs: Mapping[str, JsonValue],
        provider_routes: Mapping[str, str],
        workspace: Path,
        run_timeout_s: float = 120.0,
        tenant: str = "",
    ) -> None:
        super().__init__()
        self._evolution_id = evolution_id
        self._genome = genome
        self._chamber = chamber
        self._inputs = inputs
        self._routes = provider_routes
        self._workspace = workspace
        self._run_timeout_s = run_timeout_s
        self._tenant = tenant
        self._pipeline = rerouted(genome.pipeline, provider_routes)
        self._in_flight: str | None = None

    def on_start(self) -> None:
        # A monitor and not a link: the chamber's end is this organism's too, but not the other way round.
        self.monitor(self._chamber)

    def on_stop(self) -> None:
        if self.exit_reason == CALLED_OFF and self._in_flight is not None:
            self._cancel(self._in_flight)

    def on_receive(self, message: Any) -> Any:
        match message:
            case Evaluate(indexes):
                self.spawn_task(self._evaluate(indexes))
            case Cull() | Down():
                self.stop()
            case _:
                return super().on_receive(message)
        return None

    async def _evaluate(self, indexes: tuple[int, ...]) -> None:
        for index in indexes:
            try:
                observation = await self._run_once(index)
            except (KillSwitchedError, LanguageError) as error:
                self._chamber.tell(Unsampled(self._genome.id, str(error), final=True))
                return
            except (RunError, KernelError, JournalError) as error:
                reason = f"{type(error).__name__}: {error}"
                self._chamber.tell(Unsampled(self._genome.id, reason, final=False))
                return
            if observation.status == "paused":
                self._chamber.tell(Unsampled(self._genome.id, "a kill switch holds its runs", final=True))
                return
            self._chamber.tell(Sampled(self._genome.id, index, observation))

    async def _run_once(self, index: int) -> Observation:
        runs = self.kernel.ref("runs")
        # The same sample is the same run, so that an evolution that goes on after a crash does not pay twice.
        run_id = self._in_flight = f"{self._evolution_id}-{self._genome.id[:16]}-{index}"
        timeout_s = self._run_timeout_s
        try:
            run_id = self._in_flight = await runs.call(SubmitRun(self._request(run_id)), timeout_s=SUBMIT_TIMEOUT_S)
            outcome: RunOutcome = await runs.call(AwaitRun(run_id, timeout_s), timeout_s=timeout_s + REPLY_MARGIN_S)
        except RunStillRunningError:
            self._cancel(run_id)
            # As its journal will have it, should the same sample be looked at again.
            return Observation("cancelled", {}, {})
        if outcome.status == "paused":
            self._cancel(run_id)
        self._in_flight = None
        return Observation(outcome.status, outcome.results, outcome.outputs)

    def _request(self, run_id: str) -> RunRequest:
        return RunRequest(
            run_id=run_id,
            pipeline=self._pipeline,
            inputs=dict(self._inputs),
            workspace=str(self._workspace),
            idempotency_key=run_id,
            depth=1,
            origin="evolution",
            provider_routes=self._routes,
            tenant=self._tenant,
        )

    def _cancel(self, run_id: str) -> None:
        try:
            self.kernel.ref("runs").tell(CancelRun(run_id))
        except KernelError:
            # Without a dispatcher nothing can be told; the run ends by its own steps' time limits.
            return
