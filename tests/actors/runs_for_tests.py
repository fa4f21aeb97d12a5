"""A stand-in for "runs": answers `SubmitRun` and `AwaitRun` as a script says, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.kernel import Actor
from actors.runs.errors import RunError, RunStillRunningError
from actors.runs.messages import AwaitRun, CancelRun, SubmitRun
from actors.runs.values import RunOutcome, RunRequest

Script = Callable[[RunRequest], RunOutcome | RunError | None]


def succeeded(request: RunRequest, results: dict[str, Any], outputs: dict[str, Any] | None = None) -> RunOutcome:
    return RunOutcome(request.run_id, "succeeded", results, outputs or {}, None, {}, None, 0.0)


def failed(request: RunRequest, message: str = "no") -> RunOutcome:
    return RunOutcome(request.run_id, "failed", {}, {}, {"code": "x", "message": message}, {}, None, 0.0)


class ScriptedRuns(Actor):
    """`script` gives a run's outcome, an error for its submission, or None for a run that never ends."""

    expected_errors = (RunError,)

    def __init__(self, script: Script, log: list[Any]) -> None:
        super().__init__()
        self._script = script
        self._log = log
        self._requests: dict[str, RunRequest] = {}
        self._outcomes: dict[str, RunOutcome | None] = {}

    def on_receive(self, message: Any) -> Any:
        match message:
            case SubmitRun(request):
                return self._submit(request)
            case AwaitRun(run_id, timeout_s):
                outcome = self._outcomes[run_id]
                if outcome is not None:
                    return outcome
                self.tell_after(timeout_s, (run_id, timeout_s, self.later()))
            case CancelRun(run_id):
                self._log.append(("cancelled", run_id))
            case (run_id, timeout_s, waiter):
                waiter.fail(RunStillRunningError(run_id, timeout_s))
            case _:
                raise TypeError(message)
        return None

    def _submit(self, request: RunRequest) -> str:
        self._log.append(request)
        if request.run_id not in self._outcomes:
            outcome = self._script(request)
            if isinstance(outcome, RunError):
                raise outcome
            self._outcomes[request.run_id] = outcome
        return request.run_id
