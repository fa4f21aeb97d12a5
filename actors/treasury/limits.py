"""Limits that people set: audited first, then kept, then in force."""

from __future__ import annotations

from actors.kernel import Actor, OwnFile
from actors.treasury.books import NOT_READ, Books
from actors.treasury.ledger import Ledger
from actors.treasury.messages import Audit, BudgetChanged, InvalidBudgetError, LedgerClosedError, SetLimit
from pipelines.guardrails.budget import AccountName
from pipelines.guardrails.budget_paths import check_path


class LimitSetting:
    """Carries `SetLimit` out. What goes wrong on the way leaves all as it was."""

    def __init__(self, actor: Actor, books: Books, access: OwnFile[Ledger], audit: Audit) -> None:
        self._kernel = actor.kernel
        self._books = books
        self._access = access
        self._audit = audit

    async def set(self, asked: SetLimit) -> None:
        """Raises `InvalidBudgetError`, `LedgerClosedError`, or what the audit hook raises."""
        try:
            path = check_path(asked.path)
        except ValueError as error:
            raise InvalidBudgetError(str(error)) from None
        books = self._books
        if books.budget is None:
            raise LedgerClosedError(books.problem or NOT_READ)
        before = books.budget.bound(AccountName(path))
        change = BudgetChanged(path, before, asked.bound, asked.who, asked.reason, self._kernel.clock.wall())
        await self._audit(change)
        await self._access.use(lambda file: file.set_limit(path, asked.bound, asked.who, asked.reason, change.at))
        books.by_hand.pop(path, None)
        if asked.bound is not None:
            books.by_hand[path] = asked.bound
        books.bind(books.budget)
        if path.startswith(("run/", "step/")):
            # Nobody has counted for runs and steps that nothing had bounded.
            books.table.revived |= books.table.open_runs
        self._kernel.events.publish(change)
        books.say_stopped()
