"""The accounts of a node: opened when somebody first pays from them, bounded by the limits, closed with their day or
run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from pipelines.execution import Amount
from pipelines.guardrails.budget.accounts import NOTHING, UNBOUNDED, Account, AccountName, Bound, Payer
from pipelines.guardrails.budget.plan import Rules
from pipelines.guardrails.budget.refusals import reached

_OF_RUNS = ("run", "step")


class AccountBook:
    """`limits` maps paths to bounds; `day` is the day that the daily accounts are of; `shares` of a run's limit that
    pipelines are trusted with."""

    def __init__(
        self,
        day: date,
        limits: Mapping[str, Bound] | None = None,
        rules: Rules | None = None,
        shares: Mapping[str, Decimal] | None = None,
    ) -> None:
        self.day = day
        self.rules = rules or Rules()
        self.shares = dict(shares or {})
        self.accounts: dict[AccountName, Account] = {}
        self._limits: dict[str, Bound] = {}
        self._bounds_runs = False
        # What is looked up for every call: the daily accounts by who pays, and the names of those of a run.
        self._daily: dict[tuple[str, str, str, str], tuple[Account, ...]] = {}
        self._of_runs: dict[str, list[AccountName]] = {}
        self.limits = limits or {}

    # ---- limits --------------------------------------------------------------------------------------------

    @property
    def limits(self) -> Mapping[str, Bound]:
        """By path."""
        return self._limits

    @limits.setter
    def limits(self, limits: Mapping[str, Bound]) -> None:
        self._limits = {path: bound for path, bound in limits.items() if not bound.is_open}
        self._bounds_runs = any(path.partition("/")[0] in _OF_RUNS for path in self._limits)
        for account in self.accounts.values():
            account.bound = self.bound(account.name, account.share)
            account.alerted = min(account.alerted, reached(account, self.rules))

    def bound(self, name: AccountName, share: Decimal | None = None) -> Bound:
        """What holds for the account; of a run's limit this share (None: the whole)."""
        kind, slash, _ = name.path.partition("/")
        found = self._limits.get(name.path)
        if found is None and slash:
            found = self._limits.get(f"{kind}/*")
        if found is None:
            return UNBOUNDED
        return found if kind != "run" or share is None else found.scaled(share)

    @property
    def is_limited(self) -> bool:
        """Whether any limit is set."""
        return bool(self._limits)

    def roll(self, day: date) -> bool:
        """Opens the daily accounts of a later day, with what is reserved still reserved. Whether a new day began."""
        if day <= self.day:
            return False
        self.day = day
        self._daily.clear()
        for name, account in list(self.accounts.items()):
            if name.of:
                continue
            if account.is_idle:
                del self.accounts[name]
            else:
                account.clear()
        return True

    # ---- runs ----------------------------------------------------------------------------------------------

    def restore(
        self, name: AccountName, used: Amount, unpriced: int, run: str = "", share: Decimal | None = None
    ) -> None:
        """Sets what was spent of an account, as the ledger has it; what is reserved in it stays reserved."""
        account = self.accounts.get(name)
        if account is None:
            share = (share or self.rules.first_share) if run else None
            bound = self.bound(name, share)
            if run and bound.is_open:
                return
            account = self.accounts[name] = Account(name, bound, run, share)
            if run:
                self._of_runs.setdefault(run, []).append(name)
        account.tokens, account.cost, account.unpriced = used.tokens, used.cost_usd or NOTHING, unpriced
        account.alerted = reached(account, self.rules)

    def forget_run(self, run: str) -> None:
        """The run has ended: its own accounts and its steps' go, unless something is still reserved in them."""
        for name in list(self._of_runs.get(run, ())):
            account = self.accounts[name]
            if account.is_idle:
                self.close(account)

    # ---- who pays ------------------------------------------------------------------------------------------

    def paying(self, payer: Payer) -> tuple[Account, ...]:
        """Daily accounts are kept always, to be seen; those of a run or step where something bounds them."""
        key = (payer.tenant, payer.tier, payer.pipeline, payer.step_class)
        daily = self._daily.get(key)
        if daily is None:
            daily = self._daily[key] = tuple(map(self._opened, payer.daily()))
        if not self._bounds_runs:
            return daily
        found: list[Account] = []
        for name in payer.passing():
            account = self.accounts.get(name)
            if account is None:
                share = self.shares.get(payer.pipeline, self.rules.first_share)
                bound = self.bound(name, share)
                if bound.is_open:
                    continue
                account = Account(name, bound, payer.run, share)
            found.append(account)
        return (*daily, *found)

    def _opened(self, name: AccountName) -> Account:
        account = self.accounts.get(name)
        if account is None:
            account = self.accounts[name] = Account(name, self.bound(name))
        return account

    def keep(self, account: Account) -> None:
        """Something of this account of a run is used or reserved from now on."""
        if account.name not in self.accounts:
            self.accounts[account.name] = account
            self._of_runs.setdefault(account.run, []).append(account.name)

    def close(self, account: Account) -> None:
        """Nobody needs to know this account of a run any more."""
        if self.accounts.get(account.name) is not account:
            return
        del self.accounts[account.name]
        names = self._of_runs[account.run]
        names.remove(account.name)
        if not names:
            del self._of_runs[account.run]
