"""The budget of a run as a tree of accounts: what may be started and spent, what is spent, what is set aside.

A step pays into every account above its path, so a child never has more than what is left of every ancestor. Before a
call its upper bound is set aside (`reserve`), after it what was really used takes the place of that (`settle`): steps
at work side by side cannot exceed a limit together. Plain bookkeeping; one actor owns it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msgspec import Struct
from pydantic import JsonValue

from pipelines.execution.account import NOTHING, Account, Amount, amount_of
from pipelines.execution.limits import LimitReachedError, is_below
from pipelines.language import Limits


@dataclass(frozen=True, slots=True)
class _Reservation:
    path: str
    amount: Amount
    accounts: tuple[Account, ...]


class Ledger(Struct, eq=False):
    """The accounts of one run. Everything that a path stands for is counted once, however often it is told.

    Reservations are numbered from `last_number` on; where numbers of a former ledger may still be told, it must not be
    among those.
    """

    accounts: dict[str, Account] = {}
    _reserved: dict[int, _Reservation] = {}
    last_number: int = 0
    _started: dict[str, None] = {}  # and not a set, which is thrice as large: thousands of runs have it empty
    _settled: dict[str, Amount] = {}
    _restored: dict[str, Amount] = {}

    # ---- accounts ------------------------------------------------------------------------------------------

    def open(self, path: str, limits: Limits, pipelines: tuple[str, ...]) -> None:
        """Bounds what stands below `path` from now on; limits without a number open nothing."""
        if limits.max_steps is None and limits.max_tokens is None and limits.max_cost_usd is None:
            return
        if path in self.accounts:
            return
        account = self.accounts[path] = Account(path, limits, pipelines)
        for key, amount in self._restored.items():
            if is_below(key, path):
                account.steps += 1
                account.charge(amount)

    def close(self, path: str) -> None:
        """Nothing below `path` is wanted any more: forgets its accounts and gives back what is set aside there."""
        for number in [number for number, each in self._reserved.items() if is_below(each.path, path)]:
            self.release(number)
        for each in [each for each in self.accounts if each and (each == path or is_below(each, path))]:
            del self.accounts[each]

    def spends(self, path: str) -> bool:
        """Whether the calls of the step at `path` have to be asked for."""
        return any(
            each.limits.max_tokens is not None or each.limits.max_cost_usd is not None for each in self._above(path)
        )

    # ---- steps ---------------------------------------------------------------------------------------------

    def start(self, path: str, *, at_the_end: bool = False) -> LimitReachedError | None:
        """A step is about to be started; the first time counts. Those of `finally` count and are not refused."""
        if not self.accounts or path in self._started:
            return None
        above = tuple(self._above(path))
        for account in () if at_the_end else above:
            refused = account.refuse_steps(1)
            if refused is not None:
                return refused
        self._started[path] = None
        for account in above:
            account.steps += 1
        return None

    def may_enter(self, path: str, steps: int) -> LimitReachedError | None:
        """Whether a pipeline of so many steps may be entered by the step at `path`: every account has that many left,
        those that were opened for it included."""
        opened = (account for each, account in self.accounts.items() if each == path)
        for account in (*self._above(path), *opened):
            begun = sum(is_below(key, path) for key in self._restored) if self._restored else 0
            refused = account.refuse_steps(max(0, steps - begun))
            if refused is not None:
                refused.facts["account"] = None  # nothing was begun: the step that would enter may go on without
                return refused
        return None

    # ---- tokens and money ----------------------------------------------------------------------------------

    def reserve(self, path: str, amount: Amount) -> int | LimitReachedError:
        """Sets `amount` aside in every account above the step; its number, or why not even one of them may."""
        above = tuple(self._above(path))
        for account in above:
            refused = account.refuse(amount)
            if refused is not None:
                return refused
        self.last_number += 1
        self._set_aside(self.last_number, path, amount)
        return self.last_number

    def adopt(self, number: int, path: str, amount: Amount) -> None:
        """A reservation of a former ledger whose call is still under way; one that is known changes nothing."""
        if number not in self._reserved:
            self._set_aside(number, path, amount)

    def settle(self, number: int, path: str, used: Amount) -> None:
        """A call has ended and used this much. A number that is not known (of a former ledger) is charged all the
        same."""
        reservation = self._give_back(number)
        for account in tuple(self._above(path)) if reservation is None else reservation.accounts:
            account.charge(used)
        before = self._settled.get(path, Amount())
        self._settled[path] = _sum(before, used)

    def release(self, number: int) -> None:
        """A call ended without an answer, or with the step that made it. Twice changes nothing."""
        self._give_back(number)

    def release_of(self, path: str) -> None:
        """The step at `path` is not wanted any more: its calls come to nothing."""
        for number in [number for number, each in self._reserved.items() if each.path == path]:
            self._give_back(number)

    def record(self, path: str, result: JsonValue) -> None:
        """The step's result stands: what it says beyond what was settled for it is charged now."""
        if not self.accounts or path in self._restored:
            return
        said, settled = amount_of(result), self._settled.pop(path, Amount())
        rest = Amount(
            max(0, said.tokens - settled.tokens),
            max(NOTHING, (said.cost_usd or NOTHING) - (settled.cost_usd or NOTHING)),
        )
        for account in self._above(path):
            account.charge(rest)

    def restore(self, results: Mapping[str, JsonValue]) -> None:
        """Counts what the journal has of the run. Steps that consist of others say nothing of their own."""
        holders = {path[:index] for path in results for index, sign in enumerate(path) if sign in "/["}
        for path, result in results.items():
            if path in self._started:
                continue
            self._started[path] = None
            amount = Amount() if path in holders else amount_of(result)
            self._restored[path] = amount
            for account in self._above(path):
                account.steps += 1
                account.charge(amount)

    # ---- inside --------------------------------------------------------------------------------------------

    def _set_aside(self, number: int, path: str, amount: Amount) -> None:
        above = tuple(self._above(path))
        self._reserved[number] = _Reservation(path, amount, above)
        for account in above:
            account.set_aside_tokens += amount.tokens
            account.set_aside_cost += amount.cost_usd or NOTHING

    def _give_back(self, number: int) -> _Reservation | None:
        reservation = self._reserved.pop(number, None)
        if reservation is not None:
            for account in reservation.accounts:
                account.set_aside_tokens -= reservation.amount.tokens
                account.set_aside_cost -= reservation.amount.cost_usd or NOTHING
        return reservation

    def _above(self, path: str) -> Iterator[Account]:
        if not self.accounts:
            return
        root = self.accounts.get("")
        if root is not None:
            yield root
        for index, sign in enumerate(path):
            if sign in "/[" and (account := self.accounts.get(path[:index])) is not None:
                yield account


def _sum(one: Amount, other: Amount) -> Amount:
    return Amount(one.tokens + other.tokens, (one.cost_usd or NOTHING) + (other.cost_usd or NOTHING))
