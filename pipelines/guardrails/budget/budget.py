"""All budgets of a node: what is reserved and booked in their accounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pipelines.execution import Amount
from pipelines.guardrails.budget.account_book import AccountBook
from pipelines.guardrails.budget.accounts import NOTHING, UNBOUNDED, Account, AccountName, Bound, Payer
from pipelines.guardrails.budget.plan import Rules
from pipelines.guardrails.budget.refusals import Refusal, lacks, reached, stop_of


@dataclass(frozen=True, slots=True)
class Alert:
    """An account has used up this share of its limit."""

    account: AccountName
    share: Decimal
    account_state: Account
    bound: Bound


@dataclass(frozen=True, slots=True)
class _Lease:
    amount: Amount
    accounts: tuple[Account, ...]


class Budget(AccountBook):
    """The accounts, and the calls that are under way."""

    def __init__(
        self,
        day: date,
        limits: Mapping[str, Bound] | None = None,
        rules: Rules | None = None,
        shares: Mapping[str, Decimal] | None = None,
    ) -> None:
        super().__init__(day, limits, rules, shares)
        self._leases: dict[int, _Lease] = {}

    def reserve(self, lease: int, payer: Payer, amount: Amount) -> Refusal | None:
        """Reserves in all accounts, or says which one has no room; then nothing has changed."""
        accounts = self.paying(payer)
        refused = self._refusal(accounts, amount)
        if refused is None:
            self._hold(lease, amount, accounts)
        return refused

    def refusal(self, payer: Payer, amount: Amount) -> Refusal | None:
        """What `reserve` would say."""
        return self._refusal(self.paying(payer), amount)

    def hold(self, lease: int, payer: Payer, amount: Amount) -> None:
        """Reserves without asking: for leases that were granted before a restart. Twice changes nothing."""
        if lease not in self._leases:
            self._hold(lease, amount, self.paying(payer))

    def release(self, lease: int) -> bool:
        """The call came to nothing. Twice changes nothing; whether anything was given back."""
        held = self._leases.pop(lease, None)
        if held is None:
            return False
        tokens, cost = held.amount.tokens, held.amount.cost_usd or NOTHING
        for account in held.accounts:
            account.reserved_tokens -= tokens
            account.reserved_cost -= cost
            if account.name.of and account.is_unused:
                self.close(account)
        return True

    def settle(self, lease: int | None, payer: Payer, used: Amount, *, day: date | None = None) -> tuple[Alert, ...]:
        """Books what a call really used, in full, and gives its reservation back. The alerts that this sets off.

        `day` (None: this one) is what it was written under: of a day that has gone by meanwhile only the accounts of
        the run and the step have to know."""
        held = None if lease is None else self._leases.get(lease)
        over = held is not None and exceeds(used, held.amount)
        accounts = self.paying(payer)
        if day is not None and day != self.day:
            accounts = tuple(account for account in accounts if account.name.of)
        cost = used.cost_usd
        for account in accounts:
            account.tokens += used.tokens
            if cost is None:
                account.unpriced += 1
            else:
                account.cost += cost
            account.overruns += over
            if account.name.of:
                self.keep(account)
        if lease is not None:
            self.release(lease)
        return tuple(self._alerts(accounts))

    @property
    def leases(self) -> int:
        """How many calls are under way."""
        return len(self._leases)

    def accounts_of(self, lease: int) -> tuple[Account, ...]:
        """Where this call is reserved."""
        held = self._leases.get(lease)
        return () if held is None else held.accounts

    def stopped(self) -> Refusal | None:
        """Whether the emergency stop holds."""
        name = AccountName("day")
        account = self.accounts.get(name) or Account(name, self.bound(name))
        return stop_of(account, self.rules)

    # ---- inside --------------------------------------------------------------------------------------------

    def _refusal(self, accounts: tuple[Account, ...], amount: Amount) -> Refusal | None:
        passing = stop_of(accounts[0], self.rules)
        if passing is not None:
            return passing
        for account in accounts:
            refused = None if account.bound is UNBOUNDED else lacks(account, amount, self.rules)
            if refused is not None:
                if not refused.passing:
                    return refused
                passing = passing or refused
        return passing

    def _hold(self, lease: int, amount: Amount, accounts: tuple[Account, ...]) -> None:
        self._leases[lease] = _Lease(amount, accounts)
        cost = amount.cost_usd or NOTHING
        for account in accounts:
            account.reserved_tokens += amount.tokens
            account.reserved_cost += cost
            if account.name.of:
                self.keep(account)

    def _alerts(self, accounts: Iterable[Account]) -> Iterator[Alert]:
        for account in accounts:
            if account.bound is UNBOUNDED or account.name.of:
                continue
            share = reached(account, self.rules)
            if share > account.alerted:
                account.alerted = share
                yield Alert(account.name, share, account, account.bound)


def exceeds(used: Amount, reserved: Amount) -> bool:
    """Whether a call used more than was reserved for it."""
    dearer = used.cost_usd is not None and reserved.cost_usd is not None and used.cost_usd > reserved.cost_usd
    return used.tokens > reserved.tokens or dearer
