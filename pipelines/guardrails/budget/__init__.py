"""The node's budget: accounts with limits in tokens and dollars, reservations before calls, settlements after them.

A call is paid by every account on its path: the whole day, its tenant, its tier, its pipeline, its step class, its run
and its step. Before the call its upper bound is reserved in all of them or in none; afterwards what it really used is
booked in place of that, also when it is more. Calls at work side by side can so never exceed a limit together, whatever
the order in which they come. Plain bookkeeping without a clock of its own; one actor owns it.

accounts   limits, who pays, what was used
refusals   whether there is room, and the words for it when there is none
plan       what the settings say
budget     all accounts of a node
calendar   when a new day of budgets begins, whatever the clock does
"""

from pipelines.guardrails.budget.accounts import Account, AccountName, Bound, Payer
from pipelines.guardrails.budget.budget import Alert, Budget, exceeds
from pipelines.guardrails.budget.calendar import BudgetDay, Calendar, date_of
from pipelines.guardrails.budget.plan import BudgetPlan, Rules
from pipelines.guardrails.budget.refusals import Refusal, lacks, reached

__all__ = [
    "Account",
    "AccountName",
    "Alert",
    "Bound",
    "Budget",
    "BudgetDay",
    "BudgetPlan",
    "Calendar",
    "Payer",
    "Refusal",
    "Rules",
    "date_of",
    "exceeds",
    "lacks",
    "reached",
]
