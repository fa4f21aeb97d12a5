"""The Treasury: budgets of the whole node, reserved before each provider call and settled after it, durably.

messages     what it takes, keeps and announces; its errors
treasury     the actor
books        what it knows: budget, limits set by people, whether the ledger can be written
lending      reservations; waiting: calls in turn for room; holders: who has a lease; recalling: runs that go on
booking      settlements, in groups
limits       limits that people set
unheard      runs whose end nobody has heard
ledger       its file; ledger_schema, ledger_reading, ledger_reports: tables, what is read at the start, reports
checking     what is wrong in the file
lease_table  what outlives its crashes: leases that are out, settlements not yet written
till         a step's way to it
viewing      the budgets as people see them
"""

from actors.treasury.checking import flaws_of_ledger
from actors.treasury.lease_table import LeaseTable, Unbooked
from actors.treasury.ledger_schema import FILE_NAME
from actors.treasury.messages import (
    AccountView,
    Audit,
    BookNow,
    Borrow,
    BudgetAlert,
    BudgetChanged,
    BudgetLeft,
    BudgetOverrun,
    BudgetRefused,
    BudgetState,
    BudgetStopped,
    BudgetUnauditedError,
    BudgetView,
    Charge,
    CostReport,
    ForgetCharges,
    GiveBack,
    InvalidBudgetError,
    Lease,
    LedgerClosedError,
    LedgerUnwritable,
    Left,
    RunCost,
    RunCosts,
    SetLimit,
    TreasuryError,
    WholeFrom,
)
from actors.treasury.till import Till
from actors.treasury.treasury import Treasury, unaudited
from pipelines.guardrails.budget import BudgetPlan

__all__ = [
    "FILE_NAME",
    "AccountView",
    "Audit",
    "BookNow",
    "Borrow",
    "BudgetAlert",
    "BudgetChanged",
    "BudgetLeft",
    "BudgetOverrun",
    "BudgetPlan",
    "BudgetRefused",
    "BudgetState",
    "BudgetStopped",
    "BudgetUnauditedError",
    "BudgetView",
    "Charge",
    "CostReport",
    "ForgetCharges",
    "GiveBack",
    "InvalidBudgetError",
    "Lease",
    "LeaseTable",
    "LedgerClosedError",
    "LedgerUnwritable",
    "Left",
    "RunCost",
    "RunCosts",
    "SetLimit",
    "Till",
    "Treasury",
    "TreasuryError",
    "Unbooked",
    "WholeFrom",
    "flaws_of_ledger",
    "unaudited",
]
