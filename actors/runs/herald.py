"""What one run's PipelineActor announces: events for the world, and the three facts that the dispatcher keeps."""

from __future__ import annotations

import contextlib
from typing import Any

from actors.kernel import ActorDeadError, Kernel
from actors.runs.frames import Start
from actors.runs.messages import RunEnded, RunPaused, RunUnpaused
from actors.runs.values import RunOutcome, RunRequest
from actors.runs.voice import RunVoice


class Herald:
    """Speaks for one run. A dispatcher that is being restarted is told nothing: it reads the journal and asks again."""

    def __init__(self, kernel: Kernel, request: RunRequest, voice: RunVoice) -> None:
        self._kernel = kernel
        self._run_id = request.run_id
        self._request = request
        self._voice = voice

    def run(self, kind: Any, **data: Any) -> None:
        """An event of the run itself."""
        request = self._request
        self._voice.say(
            self._kernel, self._run_id, kind, None, pipeline=request.pipeline.name, origin=request.origin, **data
        )

    def step(self, kind: Any, place: Start, **data: Any) -> None:
        """An event of one of its steps."""
        self._voice.say(self._kernel, self._run_id, kind, place.key, type=place.step.type, **data)

    def paused(self, reason: str, key: str) -> None:
        """A kill switch holds the run, beginning with this step."""
        self.run("run_paused", reason=reason, step_held=key)
        self._tell_dispatcher(RunPaused(self._run_id, reason))

    def unpaused(self) -> None:
        """Nothing holds the run any more."""
        self.run("run_unpaused")
        self._tell_dispatcher(RunUnpaused(self._run_id))

    def closed(self, outcome: RunOutcome) -> None:
        """The run has ended, and that stands in the journal."""
        self.run(f"run_{outcome.status}", duration_s=outcome.duration_s, error=outcome.error)
        self._tell_dispatcher(RunEnded(outcome))

    def _tell_dispatcher(self, message: RunEnded | RunPaused | RunUnpaused) -> None:
        with contextlib.suppress(ActorDeadError):
            self._kernel.ref("runs").tell(message)
