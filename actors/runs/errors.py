"""What the runs' dispatcher refuses, and why.

RunError                     a stable `code`
├── KillSwitchedError        a kill switch forbids it; carries the switch
├── TooManyRunsError         the node has no room for another live run
├── NoSuchRunError           nobody knows this run (also a LookupError)
├── RunStillRunningError     it did not end in the time the caller gave (also a TimeoutError)
├── RunNotFailedError        it has not failed, so it cannot be opened again
├── RunNotStartedError       its actors could not be started; the run is recorded as failed
└── RunSuspendedError        the node is stopping; the run goes on when it starts again
"""

from __future__ import annotations

from pipelines.guardrails.kill_switch import Switch


class RunError(Exception):
    """Base."""

    code = "run"


class KillSwitchedError(RunError):
    """A triggered kill switch forbids the run. `switch` says which, by whom and why."""

    code = "kill_switch"

    def __init__(self, switch: Switch) -> None:
        super().__init__(switch)
        self.switch = switch

    def __str__(self) -> str:
        return f"{self.switch}. Fix: arm it again once the cause is gone"


class TooManyRunsError(RunError):
    """`limit` runs are live already, of the node or of `tenant`. `retry_after_s`: when there is likely to be room."""

    code = "too_many_runs"

    def __init__(self, limit: int, tenant: str | None = None, retry_after_s: float = 1.0) -> None:
        super().__init__(limit, tenant, retry_after_s)
        self.limit = limit
        self.tenant = tenant
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        whose = "" if self.tenant is None else f" of {self.tenant}"
        return (
            f"{self.limit} runs{whose} are live already, which is the limit. "
            f"Fix: submit again when some have ended, in about {self.retry_after_s:.0f} s"
        )


class NoSuchRunError(RunError, LookupError):
    """The journal has no such run."""

    code = "no_such_run"

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id

    def __str__(self) -> str:
        return f"no run {self.run_id!r} is known"


class RunStillRunningError(RunError, TimeoutError):
    """The run goes on; nothing was changed."""

    code = "run_still_running"

    def __init__(self, run_id: str, timeout_s: float) -> None:
        super().__init__(run_id, timeout_s)
        self.run_id = run_id
        self.timeout_s = timeout_s

    def __str__(self) -> str:
        return f"run {self.run_id!r} did not end within {self.timeout_s:g} s and goes on"


class RunNotFailedError(RunError):
    """Only a run that has failed can be opened again."""

    code = "run_not_failed"

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id

    def __str__(self) -> str:
        return (
            f"run {self.run_id!r} has not failed (or its content was taken out by the retention policy), so there is "
            f"nothing to go on with. Fix: `evopipe replay {self.run_id} --from STEP` runs it again as a new run"
        )


class RunNotStartedError(RunError):
    """The run was recorded but its actors did not start; it is recorded as failed."""

    code = "run_not_started"

    def __init__(self, run_id: str, reason: str) -> None:
        super().__init__(run_id, reason)
        self.run_id = run_id
        self.reason = reason

    def __str__(self) -> str:
        return f"run {self.run_id!r} could not be started: {self.reason}"


class RunSuspendedError(RunError):
    """The run's actors were told to stop; it is unfinished in the journal and resumes at the next start."""

    code = "run_suspended"

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id

    def __str__(self) -> str:
        return f"run {self.run_id!r} was stopped with its node and resumes when the node starts again"


class DrainingError(RunError):
    """The node lets its live runs end and takes no more."""

    code = "draining"

    def __str__(self) -> str:
        return "the node is stopping and takes no further runs. Fix: submit again when it has started"
