"""The budgets as people see them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from actors.treasury.messages import AccountView, BudgetView, Left
from pipelines.guardrails.budget import Account, AccountName, Bound, Budget, reached

MOST_ACCOUNTS = 1_000
_FAR_ABOVE = Decimal(10) ** 12


def view_of(
    budget: Budget | None, set_by_hand: Mapping[str, Bound], waiting: int, refused: int, problem: str | None
) -> BudgetView:
    """The accounts with a limit first, and every limit that nothing was spent of yet."""
    if budget is None:
        return BudgetView("", (), 0, waiting, refused, {}, None, problem)
    names = dict.fromkeys(budget.accounts)
    names.update(dict.fromkeys(AccountName(path) for path in budget.limits))
    seen = [_view(budget, name, set_by_hand) for name in names]
    seen.sort(key=lambda each: (each.usd_limit is None and each.tokens_limit is None, each.path, each.of))
    stopped = budget.stopped()
    return BudgetView(
        day=budget.day.isoformat(),
        accounts=tuple(seen[:MOST_ACCOUNTS]),
        leases=budget.leases,
        waiting=waiting,
        refused=refused,
        shares=dict(budget.shares),
        stopped=None if stopped is None else str(stopped),
        problem=problem,
    )


def left_of(budget: Budget | None, paths: Iterable[str]) -> dict[str, Left]:
    """What of these budgets is not spent, of those that have a limit."""
    if budget is None:
        return {}
    accounts = {path: account_at(budget, AccountName(path)) for path in paths}
    return {
        path: _left(account.bound, account.cost, account.tokens)
        for path, account in accounts.items()
        if not account.bound.is_open
    }


def account_at(budget: Budget, name: AccountName) -> Account:
    """The account, also one that nobody has paid from yet."""
    return budget.accounts.get(name) or Account(name, budget.bound(name))


def _left(bound: Bound, cost: Decimal, tokens: int) -> Left:
    return Left(
        None if bound.usd is None else max(Decimal(0), bound.usd - cost),
        None if bound.tokens is None else max(0, bound.tokens - tokens),
    )


def _view(budget: Budget, name: AccountName, set_by_hand: Mapping[str, Bound]) -> AccountView:
    account = account_at(budget, name)
    bound = account.bound
    left = _left(bound, account.cost + account.reserved_cost, account.tokens + account.reserved_tokens)
    every = f"{name.path.partition('/')[0]}/*"
    source = name.path if name.path in budget.limits else every
    alert = reached(account, budget.rules)
    return AccountView(
        path=name.path,
        of=name.of,
        usd_limit=bound.usd,
        tokens_limit=bound.tokens,
        usd_spent=account.cost,
        tokens_spent=account.tokens,
        usd_reserved=account.reserved_cost,
        tokens_reserved=account.reserved_tokens,
        usd_left=left.usd,
        tokens_left=left.tokens,
        unpriced_calls=account.unpriced,
        overruns=account.overruns,
        used_share=_to_four_places(account.used_share),
        alert=alert or None,
        origin="" if bound.is_open else "set" if source in set_by_hand else "settings",
    )


def _to_four_places(share: Decimal) -> Decimal:
    # Of a limit of next to nothing it can be too large for that.
    return share if share >= _FAR_ABOVE else share.quantize(Decimal("0.0001"))
