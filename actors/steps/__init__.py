"""Step types: what each one does when its StepActor makes an attempt.

context, errors, jail, output, asking   what executors get and share
table                                   all step types
"""

from actors.steps.context import Executor, LastResort, StepContext, check_switches, provider_of
from actors.steps.errors import (
    AnswerMisfitError,
    BudgetBusyError,
    EchoedFailureError,
    LedgerUnavailableError,
    OutsideWorkspaceError,
    StepError,
    SwitchedOffError,
    TreasuryUnavailableError,
    WorkspaceFileError,
    failure_of,
)
from actors.steps.jail import Jail
from actors.steps.output import write_output, write_outputs
from actors.steps.paying import Paid, PriceOf, Till, unknown_price
from actors.steps.table import LAST_RESORTS, PROVIDER_FAMILIES, STEP_EXECUTORS

__all__ = [
    "LAST_RESORTS",
    "PROVIDER_FAMILIES",
    "STEP_EXECUTORS",
    "AnswerMisfitError",
    "BudgetBusyError",
    "EchoedFailureError",
    "Executor",
    "Jail",
    "LastResort",
    "LedgerUnavailableError",
    "OutsideWorkspaceError",
    "Paid",
    "PriceOf",
    "StepContext",
    "StepError",
    "SwitchedOffError",
    "Till",
    "TreasuryUnavailableError",
    "WorkspaceFileError",
    "check_switches",
    "failure_of",
    "provider_of",
    "unknown_price",
    "write_output",
    "write_outputs",
]
