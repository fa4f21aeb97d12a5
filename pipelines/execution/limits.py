"""The budget of a run as a tree of accounts: what may be started and spent, what is spent, what is set aside.

An account stands at the path of the pipeline (or step) that it bounds; "" is the run's own. A step pays into every
account above its path, so a child never has more than what is left of every ancestor. Before a call its upper bound is
set aside (`reserve`), after it what was really used takes the place of that (`settle`): steps at work side by side
cannot exceed a limit together. Plain bookkeeping; one actor owns it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from msgspec import Struct
from pydantic import JsonValue

from pipelines.language import Limits

LIMIT_REACHED: Final = "limit_reached"
UNKNOWN_PRICE: Final = "unknown_price"
_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens, and dollars; None where no price is known."""

    tokens: int = 0
    cost_usd: Decimal | None = _NOTHING


class LimitReachedError(Exception):
    """A limit forbids what was about to happen. Not tried again and not healed.

    `limit` names it, `value` is what it says, `spent` what was used before, `pipelines` the chain down to what it
    bounds, and `account` the path of that; None for a pipeline that was not entered. `code` is "limit_reached", or
    "unknown_price" for a call that cannot be priced under a `max_cost_usd`.
    """

    def __init__(
        self,
        message: str,
        *,
        limit: str,
        value: object,
        spent: object,
        pipelines: tuple[str, ...],
        account: str | None = None,
        code: str = LIMIT_REACHED,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.account = account
        self.facts: dict[str, JsonValue] = {
            "limit": limit,
            "value": _plain(value),
            "spent": _plain(spent),
            "pipelines": list[JsonValue](pipelines),
            "account": account,
        }

    def error(self, step: str, step_type: str) -> dict[str, JsonValue]:
        """It as a step's error."""
        told: dict[str, JsonValue] = {"code": self.code, "message": str(self), "kind": "limit", "attempts": 1}
        return {**told, "step": step, "type": step_type, **self.facts}


@dataclass(slots=True, eq=False)
class Account:
    """One pipeline's limits, and what was used of them. `steps` were started, the rest is spent or set aside."""

    path: str
    limits: Limits
    pipelines: tuple[str, ...]
    steps: int = 0
    tokens: int = 0
    cost: Decimal = _NOTHING
    set_aside_tokens: int = 0
    set_aside_cost: Decimal = _NOTHING

    def refuse(self, amount: Amount) -> LimitReachedError | None:
        """Why this may not be spent."""
        most = self.limits.max_tokens
        if most is not None and self.tokens + self.set_aside_tokens + amount.tokens > most:
            used = self.tokens + self.set_aside_tokens
            return self._reached("max_tokens", most, used, f"{amount.tokens} more tokens may be needed")
        dollars = self.limits.max_cost_usd
        if dollars is None:
            return None
        if amount.cost_usd is None:
            chain = " → ".join(self.pipelines)
            message = (
                f"max_cost_usd is {dollars} ({chain}) and no price is known for the model, so the call was not made. "
                "Fix: name a model with a price, add it to config/models.yaml, or limit max_tokens instead"
            )
            return self._error(message, "max_cost_usd", dollars, self.cost, UNKNOWN_PRICE)
        if self.cost + self.set_aside_cost + amount.cost_usd > dollars:
            used = self.cost + self.set_aside_cost
            return self._reached("max_cost_usd", dollars, used, f"the next call may cost {amount.cost_usd} USD")
        return None

    def refuse_steps(self, number: int) -> LimitReachedError | None:
        """Why so many further steps may not be started."""
        most = self.limits.max_steps
        if most is None or self.steps + number <= most:
            return None
        wanted = "another one is ready" if number == 1 else f"{number} more are to be entered"
        return self._reached("max_steps", most, self.steps, wanted)

    def _reached(self, limit: str, value: object, used: object, wanted: str) -> LimitReachedError:
        chain = " → ".join(self.pipelines)
        message = f"{limit} of {_plain(value)} reached ({chain}): {_plain(used)} used or set aside, {wanted}"
        return self._error(message, limit, value, used, LIMIT_REACHED)

    def _error(self, message: str, limit: str, value: object, used: object, code: str) -> LimitReachedError:
        return LimitReachedError(
            message,
            limit=limit,
            value=value,
            spent=used,
            pipelines=self.pipelines,
            account=self.path,
            code=code,
        )


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
    _started: set[str] = set()
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
            if _is_below(key, path):
                account.steps += 1
                _charge(account, amount)

    def close(self, path: str) -> None:
        """Nothing below `path` is wanted any more: forgets its accounts and gives back what is set aside there."""
        for number in [number for number, each in self._reserved.items() if _is_below(each.path, path)]:
            self.release(number)
        for each in [each for each in self.accounts if each and (each == path or _is_below(each, path))]:
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
        self._started.add(path)
        for account in above:
            account.steps += 1
        return None

    def may_enter(self, path: str, steps: int) -> LimitReachedError | None:
        """Whether a pipeline of so many steps may be entered by the step at `path`: every account has that many left,
        those that were opened for it included."""
        opened = (account for each, account in self.accounts.items() if each == path)
        for account in (*self._above(path), *opened):
            begun = sum(_is_below(key, path) for key in self._restored) if self._restored else 0
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
            _charge(account, used)
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
            max(_NOTHING, (said.cost_usd or _NOTHING) - (settled.cost_usd or _NOTHING)),
        )
        for account in self._above(path):
            _charge(account, rest)

    def restore(self, results: Mapping[str, JsonValue]) -> None:
        """Counts what the journal has of the run. Steps that consist of others say nothing of their own."""
        holders = {path[:index] for path in results for index, sign in enumerate(path) if sign in "/["}
        for path, result in results.items():
            if path in self._started:
                continue
            self._started.add(path)
            amount = Amount() if path in holders else amount_of(result)
            self._restored[path] = amount
            for account in self._above(path):
                account.steps += 1
                _charge(account, amount)

    # ---- inside --------------------------------------------------------------------------------------------

    def _set_aside(self, number: int, path: str, amount: Amount) -> None:
        above = tuple(self._above(path))
        self._reserved[number] = _Reservation(path, amount, above)
        for account in above:
            account.set_aside_tokens += amount.tokens
            account.set_aside_cost += amount.cost_usd or _NOTHING

    def _give_back(self, number: int) -> _Reservation | None:
        reservation = self._reserved.pop(number, None)
        if reservation is not None:
            for account in reservation.accounts:
                account.set_aside_tokens -= reservation.amount.tokens
                account.set_aside_cost -= reservation.amount.cost_usd or _NOTHING
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


def tightest(*each: Limits) -> Limits:
    """The least of each limit."""
    said = {name: [value for one in each if (value := getattr(one, name)) is not None] for name in Limits.model_fields}
    return Limits(**{name: min(values) for name, values in said.items() if values})


def out_of_time(value: float, spent_s: float, pipelines: tuple[str, ...], account: str) -> LimitReachedError:
    """The end of a `max_seconds`."""
    message = f"max_seconds of {value:g} reached ({' → '.join(pipelines)}): it began {spent_s:.1f} s ago"
    return LimitReachedError(
        message, limit="max_seconds", value=value, spent=round(spent_s, 3), pipelines=pipelines, account=account
    )


def is_limit(error: Mapping[str, JsonValue]) -> bool:
    """Whether a step's error says that a limit was reached."""
    return error.get("kind") == "limit"


def ends(error: Mapping[str, JsonValue], path: str) -> bool:
    """Whether the limit that was reached bounds more than what is inside the step at `path`: then no policy of that
    step helps, since the pipeline around it has ended."""
    account = error.get("account")
    if not is_limit(error) or not isinstance(account, str):
        return False
    return account != path and not _is_below(account, path)


def amount_of(result: JsonValue) -> Amount:
    """What a result says its step used."""
    if not isinstance(result, Mapping):
        return Amount()
    usage, cost = result.get("usage"), result.get("cost_usd")
    if not isinstance(usage, Mapping):
        return Amount()
    counted = [usage.get(name) for name in ("input_tokens", "output_tokens")]
    tokens = sum(each for each in counted if isinstance(each, int) and not isinstance(each, bool) and each > 0)
    try:
        dollars = Decimal(str(cost)) if isinstance(cost, str | int | float) else _NOTHING
    except InvalidOperation:
        dollars = _NOTHING
    return Amount(tokens, dollars if dollars.is_finite() and dollars > 0 else _NOTHING)


def _is_below(path: str, above: str) -> bool:
    return not above or (path.startswith(above) and path[len(above) : len(above) + 1] in {"/", "["})


def _charge(account: Account, used: Amount) -> None:
    account.tokens += used.tokens
    account.cost += used.cost_usd or _NOTHING


def _sum(one: Amount, other: Amount) -> Amount:
    return Amount(one.tokens + other.tokens, (one.cost_usd or _NOTHING) + (other.cost_usd or _NOTHING))


def _plain(value: object) -> JsonValue:
    return str(value) if isinstance(value, Decimal) else value  # pyright: ignore[reportReturnType] - int, float or text
