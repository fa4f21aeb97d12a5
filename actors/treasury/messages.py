"""Messages of the Treasury, what it keeps, and what it announces.

To "treasury": Borrow, GiveBack, BookNow, BudgetState, BudgetLeft, SetLimit, CostReport, RunCosts, WholeFrom,
ForgetCharges. On the event bus:
BudgetAlert, BudgetRefused, BudgetStopped, BudgetOverrun, BudgetChanged, LedgerUnwritable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from actors.kernel import ActorRef
from pipelines.execution import Amount
from pipelines.guardrails.budget import Bound, Payer, Refusal

ChargeKey = tuple[str, str, str, str]
"""Run, step, call, and the answer's own id: what was paid for once is booked once, however often it is told."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A reservation for one call. `holder` is the StepActor that makes it; with its end it comes back."""

    number: int
    holder: ActorRef[Any]
    payer: Payer
    amount: Amount


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call really used. `call` names it among those of its step."""

    payer: Payer
    call: str
    answer: str
    provider: str
    model: str
    used: Amount

    @property
    def key(self) -> ChargeKey:
        return (self.payer.run, self.payer.step, self.call, self.answer)


@dataclass(frozen=True, slots=True)
class Borrow:
    """Asks for a reservation -> None, or the `Refusal`. Where only other calls' reservations are in the way the reply
    waits for them, at most `busy_wait_s`. Asked twice, it is granted once. Fails with `LedgerClosedError`."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The call came to nothing."""

    number: int


@dataclass(frozen=True, slots=True)
class BookNow:
    """Asks that a settlement in the lease table be made durable -> True once it is."""

    key: ChargeKey


@dataclass(frozen=True, slots=True)
class BudgetState:
    """Asks how the budgets stand -> BudgetView."""


@dataclass(frozen=True, slots=True)
class BudgetLeft:
    """Asks what of these budgets is not spent -> dict[str, Left] of those with a limit; none while nobody knows. What
    calls under way have reserved counts as not spent: much of it comes back. For the budget of a run or step it is all
    that one of them may use."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of the limits; None: no limit of that kind."""

    usd: Decimal | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class SetLimit:
    """Sets a budget's limits for good -> BudgetView. `bound` None: what the settings say holds again.

    Fails with `InvalidBudgetError`, `LedgerClosedError`, or whatever the audit hook raises; then all stays as it was.
    """

    path: str
    bound: Bound | None
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class CostReport:
    """Asks what pipelines have cost since the UTC day `since` (YYYY-MM-DD; empty: ever) -> tuple[PipelineCost, ...].
    Fails with `LedgerClosedError`."""

    since: str = ""


@dataclass(frozen=True, slots=True)
class WholeFrom:
    """Asks from which UTC day on (YYYY-MM-DD) no charge was deleted; empty: none ever was -> str. Fails with
    `LedgerClosedError`."""


@dataclass(frozen=True, slots=True)
class ForgetCharges:
    """Deletes at most `limit` charges of calls made before the Unix time `before`, of runs that had succeeded by then,
    and of others that had ended before `others` (None: theirs stay) -> how many. Fewer than the limit: that was all.

    What budgets count stays: the day that holds, runs that go on, and shares. Fails with `LedgerClosedError`.
    """

    before: float
    others: float | None
    limit: int


@dataclass(frozen=True, slots=True)
class RunCosts:
    """Asks what the newest runs have cost -> tuple[RunCost, ...]. Fails with `LedgerClosedError`."""

    limit: int = 20


@dataclass(frozen=True, slots=True)
class RunCost:
    """What one run has cost, calls of fallbacks for it included. `at` is the Unix time of its last call."""

    run: str
    pipeline: str
    tenant: str
    calls: int
    tokens: int
    usd: Decimal
    unpriced_calls: int
    status: str
    at: float


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account as people see it. `origin` says whether its limit is from the settings or was set."""

    path: str
    of: str
    usd_limit: Decimal | None
    tokens_limit: int | None
    usd_spent: Decimal
    tokens_spent: int
    usd_reserved: Decimal
    tokens_reserved: int
    usd_left: Decimal | None
    tokens_left: int | None
    unpriced_calls: int
    overruns: int
    used_share: Decimal
    alert: Decimal | None
    origin: str


@dataclass(frozen=True, slots=True)
class BudgetView:
    """All of it. `stopped` says why no call is begun, `problem` why the ledger cannot be written."""

    day: str
    accounts: tuple[AccountView, ...]
    leases: int
    waiting: int
    refused: int
    shares: Mapping[str, Decimal]
    stopped: str | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class BudgetAlert:
    """A daily budget has used up this share of its limit."""

    path: str
    share: Decimal
    usd_spent: Decimal
    usd_limit: Decimal | None
    tokens_spent: int
    tokens_limit: int | None


@dataclass(frozen=True, slots=True)
class BudgetRefused:
    """A call was not made."""

    refusal: Refusal
    payer: Payer


@dataclass(frozen=True, slots=True)
class BudgetStopped:
    """The emergency stop holds until the next UTC day, or until a person raises the limit."""

    text: str


@dataclass(frozen=True, slots=True)
class BudgetOverrun:
    """A call used more than was reserved for it. It is booked in full."""

    payer: Payer
    reserved: Amount
    used: Amount


@dataclass(frozen=True, slots=True)
class BudgetChanged:
    """A person has set a limit. None: the settings' own holds again."""

    path: str
    before: Bound
    after: Bound | None
    who: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class LedgerUnwritable:
    """The ledger cannot be written; until it can, no call is begun."""

    problem: str


Audit = Callable[[BudgetChanged], Awaitable[None]]
"""Keeps a change before it is in force; what it raises forbids the change."""


class TreasuryError(Exception):
    """The base of what the Treasury answers with.

    TreasuryError
    ├── BudgetUnauditedError  the change could not be noted in the audit log
    ├── InvalidBudgetError    no such budget, or a limit that it cannot have
    └── LedgerClosedError     the ledger's file cannot be read or written at the moment
    """

    code = "treasury"


class BudgetUnauditedError(TreasuryError):
    """The change could not be noted in the audit log, so it was not made."""

    code = "budget_unaudited"


class InvalidBudgetError(TreasuryError):
    """The path or the limit is none."""

    code = "invalid_budget"


class LedgerClosedError(TreasuryError):
    """Nobody can say what was spent, so nothing may be."""

    code = "treasury_unavailable"
