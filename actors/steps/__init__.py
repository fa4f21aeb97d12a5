"""Step types: what each one does when its StepActor makes an attempt.

context, errors, jail, output, asking   what executors get and share
table                                   all step types
"""

from actors.steps.context import Executor, LastResort, StepContext, check_switches, provider_of
from actors.steps.errors import (
    AnswerMisfitError,
    EchoedFailureError,
    LedgerUnavailableError,
    OutsideWorkspaceError,
    StepError,
    SwitchedOffError,
    WorkspaceFileError,
    failure_of,
)
from actors.steps.jail import Jail
from actors.steps.output import write_output, write_outputs
from actors.steps.paying import PriceOf, unknown_price
from actors.steps.table import LAST_RESORTS, PROVIDER_FAMILIES, STEP_EXECUTORS

__all__ = [
    "LAST_RESORTS",
    "PROVIDER_FAMILIES",
    "STEP_EXECUTORS",
    "AnswerMisfitError",
    "EchoedFailureError",
    "Executor",
    "Jail",
    "LastResort",
    "LedgerUnavailableError",
    "OutsideWorkspaceError",
    "PriceOf",
    "StepContext",
    "StepError",
    "SwitchedOffError",
    "WorkspaceFileError",
    "check_switches",
    "failure_of",
    "provider_of",
    "unknown_price",
    "write_output",
    "write_outputs",
]
