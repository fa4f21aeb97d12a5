"""What goes wrong inside steps, and how each exception reads as a `StepFailure`.

StepError                 the base of what executors raise themselves; `kind` decides what is done about it
├── EchoedFailureError    a test_echo step was told to fail
├── AnswerMisfitError     an answer does not conform to the step's schema, asked twice
├── FunctionRoundsError   the model calls functions and comes to no answer
├── UndeclaredFunctionError  a step names a function that its pipeline does not declare
├── SessionUnavailableError  the actor that keeps conversations does not answer at the moment
├── ContextOverflowError  the question is larger than the model's window, or than the step allows
├── LedgerUnavailableError  nobody says at the moment what the run may still spend
├── TreasuryUnavailableError  nobody says at the moment what the node may still spend
├── BudgetBusyError       calls under way hold what is left of a budget
├── BatchFailedError      too few tasks of a batch succeeded
├── PipelineDataError     what should be pipelines is none
├── NotAvailableError     the node cannot do what the step is for yet
├── RejectedError         a person said no
├── ApprovalExpiredError  nobody answered in time
├── ApprovalTooLargeError more than can be put before a person
├── WaitTimeError         a wait's time is none
├── OutsideWorkspaceError a path leads out of the run's workspace (`jail.py`)
├── WorkspaceFileError    a file of the workspace is missing, too large, not a file, not UTF-8 (`jail.py`)
└── WorkspaceDiskError    the disk cannot do it at the moment: full, failing (`jail.py`)
SwitchedOffError          a kill switch forbids the call; not a failure: the step waits until it is armed
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import JsonValue

from actors.journal import ResultLostError
from actors.providers import ProviderError, RefusedError, SpentError, TransientError
from actors.sessions.messages import SessionError
from pipelines.execution import FailureKind, LimitReachedError, LoopInputError, NestingError, StepFailure
from pipelines.guardrails.kill_switch import Switch
from pipelines.language import LanguageError
from pipelines.transform import TransformError


class StepError(Exception):
    """Base; `code` is stable."""

    code: ClassVar[str] = "step_failed"
    kind: ClassVar[FailureKind] = FailureKind.ERROR


class EchoedFailureError(StepError):
    """A test_echo step with `fail: true`."""

    code = "echoed_failure"


class AnswerMisfitError(StepError):
    """The provider's answer does not fit the schema, not even when told what is wrong with it."""

    code = "answer_misfit"
    kind = FailureKind.REFUSED


class FunctionRoundsError(StepError):
    """The rounds of function calls are used up before there was an answer."""

    code = "function_rounds"
    kind = FailureKind.REFUSED


class UndeclaredFunctionError(StepError):
    """The function is not declared under the pipeline's `gemini_functions`, nor in the step."""

    code = "undeclared_function"
    kind = FailureKind.INVALID


class SessionUnavailableError(StepError):
    """The session desk is restarting; the same turn may be taken later."""

    code = "session_unavailable"
    kind = FailureKind.TRANSIENT


class ContextOverflowError(StepError):
    """The question is larger than its model or its step takes. Nothing was asked; the same again would be as large."""

    code = "context_overflow"
    kind = FailureKind.REFUSED


class LedgerUnavailableError(StepError):
    """The actor that knows what the run may still spend does not answer at the moment."""

    code = "ledger_unavailable"
    kind = FailureKind.TRANSIENT


class TreasuryUnavailableError(StepError):
    """The actor that knows what the node may still spend does not answer, or cannot write its ledger."""

    code = "treasury_unavailable"
    kind = FailureKind.TRANSIENT


class BudgetBusyError(StepError):
    """The budget would have room for the call if those under way used nothing; later it may have."""

    code = "budget_busy"
    kind = FailureKind.TRANSIENT


class BatchFailedError(StepError):
    """Fewer tasks succeeded than the batch's `success_policy` wants."""

    code = "batch_failed"
    kind = FailureKind.REFUSED

    def __init__(self, succeeded: int, total: int, wanted: int, first: Mapping[str, JsonValue]) -> None:
        said = f"{first.get('step')}: {first.get('message')}"
        super().__init__(f"{succeeded} of {total} tasks succeeded, {wanted} were wanted; the first failure: {said}")


class PipelineDataError(StepError):
    """The data of an executor is no list of pipelines."""

    code = "pipeline_data"
    kind = FailureKind.INVALID


class NotAvailableError(StepError):
    """The node cannot do this yet. Nothing may stand in for it: whoever reads the result must know."""

    code = "not_available"
    kind = FailureKind.FORBIDDEN


class RejectedError(StepError):
    """A person rejected what the step asked. Nothing else may be tried in its place."""

    code = "rejected"
    kind = FailureKind.FORBIDDEN


class ApprovalExpiredError(StepError):
    """Nobody answered in time, and `on_expiry: fail` says what that means."""

    code = "approval_expired"
    kind = FailureKind.FORBIDDEN


class ApprovalTooLargeError(StepError):
    """A question that is too large to be shown and kept."""

    code = "approval_too_large"
    kind = FailureKind.INVALID


class WaitTimeError(StepError):
    """What a `wait` was given is no time, or too far away."""

    code = "wait_time"
    kind = FailureKind.INVALID


class OutsideWorkspaceError(StepError):
    """The path leads out of the workspace, or through a symbolic link."""

    code = "outside_workspace"
    kind = FailureKind.FORBIDDEN


class WorkspaceFileError(StepError):
    """The file cannot be used: the message says which and why."""

    code = "workspace_file"
    kind = FailureKind.INVALID


class WorkspaceDiskError(StepError):
    """The disk cannot do it now; the same step may succeed later."""

    code = "workspace_disk"


class SwitchedOffError(Exception):
    """A triggered kill switch forbids what the step was about to do."""

    def __init__(self, switch: Switch) -> None:
        super().__init__(str(switch))
        self.switch = switch


def failure_of(error: Exception) -> StepFailure:
    """What an attempt's exception means. Unknown exceptions are worth another try and keep their type's name."""
    match error:
        case ProviderError():
            return StepFailure(_provider_kind(error), error.code, error.message, error.provider, error.retry_after_s)
        case ResultLostError():
            return StepFailure(FailureKind.FORBIDDEN, error.code, str(error))
        case SessionError():
            return StepFailure(FailureKind.TRANSIENT, error.code, str(error))
        case StepError():
            return StepFailure(error.kind, error.code, str(error))
        case LanguageError():
            return StepFailure(FailureKind.INVALID, error.code, str(error))
        case LimitReachedError():
            return StepFailure(FailureKind.LIMIT, error.code, str(error), facts=error.facts)
        case NestingError():
            return StepFailure(FailureKind.FORBIDDEN, "nesting", str(error))
        case TransformError():
            return StepFailure(FailureKind.INVALID, error.code, str(error))
        case LoopInputError():
            return StepFailure(FailureKind.INVALID, "loop_input", str(error))
        case TimeoutError():
            return StepFailure(FailureKind.TIMEOUT, "timeout", str(error) or "the step did not end in time")
        case _:
            return StepFailure(FailureKind.ERROR, "exception", f"{type(error).__name__}: {error}")


def _provider_kind(error: ProviderError) -> FailureKind:
    match error:
        case TransientError():
            return FailureKind.TRANSIENT
        case RefusedError():
            return FailureKind.REFUSED
        case SpentError():
            return FailureKind.SPENT
        case _:
            return FailureKind.UNAVAILABLE
