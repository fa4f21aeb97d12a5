"""Calls that wait for room which only other calls' reservations take: in turn, at the account that refused them.

First come, first served at each account: a large call is not passed by small ones for ever, and those that wait for one
tenant's budget hold up nobody else's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from actors.kernel import Reply
from actors.treasury.messages import Lease
from pipelines.guardrails.budget import Account, AccountName, Refusal


@dataclass(slots=True, eq=False)
class Waiting:
    """A call, who waits for the answer, and until when (seconds of the kernel's clock)."""

    lease: Lease
    reply: Reply
    until: float
    left: bool = False


Try = Callable[[Waiting], Refusal | None]
"""Grants, or refuses for good (None either way: it waits no longer), or says what it still waits for."""


class WaitingCalls:
    """Queues by account. Whoever leaves is only marked, and dropped when its turn comes."""

    def __init__(self) -> None:
        self._all: dict[int, Waiting] = {}
        self._at: dict[AccountName, deque[Waiting]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, waiting: Waiting, account: AccountName) -> None:
        """At the end of the account's queue."""
        self._all[waiting.lease.number] = waiting
        self._at.setdefault(account, deque()).append(waiting)

    def queued_at(self, accounts: Iterable[Account]) -> AccountName | None:
        """The first of these where somebody waits."""
        if not self._at:
            return None
        return next((each.name for each in accounts if each.name in self._at), None)

    def leave(self, number: int) -> bool:
        """This call waits no longer; whether it did."""
        waiting = self._all.pop(number, None)
        if waiting is None:
            return False
        waiting.left = True
        return True

    def sweep(self, attempt: Try, accounts: Iterable[AccountName] | None = None) -> None:
        """Room was made in these accounts (None: perhaps in any): tries who waits there, the first first."""
        if not self._at:
            return
        for name in tuple(self._at) if accounts is None else accounts:
            queue = self._at.get(name)
            while queue:
                waiting = queue[0]
                refusal = None if waiting.left else attempt(waiting)
                if refusal is not None and refusal.account == name:
                    break
                queue.popleft()
                if refusal is None:
                    self.leave(waiting.lease.number)
                else:
                    self._at.setdefault(refusal.account, deque()).append(waiting)
            if not queue:
                self._at.pop(name, None)

    def expired(self, now: float) -> list[Waiting]:
        """Those whose time is over; they have left."""
        gone: list[Waiting] = []
        for waiting in self._all.values():
            if waiting.until > now:
                break  # all wait equally long
            gone.append(waiting)
        for waiting in gone:
            self.leave(waiting.lease.number)
        return gone
