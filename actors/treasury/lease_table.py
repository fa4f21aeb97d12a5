"""The leases that are out and the settlements that are not on the disk yet: what a crash of the Treasury must not lose.

A plain object that the node owns, as `RunVoice` is one: an actor would lose it in its own restart, and calls in flight
would then be paid for by nobody. The Treasury alone grants and takes back; a `Till` lays settlements down. Loop thread
only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from actors.kernel import Kernel
from actors.runs.events import RunEvent
from actors.treasury.messages import BudgetView, Charge, ChargeKey, Lease
from pipelines.guardrails.budget import Calendar

_ENDS = {"run_succeeded": "succeeded", "run_failed": "failed", "run_cancelled": "cancelled"}
_GOES_ON = ("run_resumed", "run_reopened")


@dataclass(frozen=True, slots=True)
class Unbooked:
    """A settlement, and the lease that it ends (None: there was no reservation)."""

    charge: Charge
    lease: int | None


@dataclass(slots=True, eq=False)
class LeaseTable:
    """`leases` by number. `unbooked` by charge. `open_runs` have paid for a call and not ended; `ended` are those that
    have, with their status, until that is on the disk. `revived` go on, and what they had used before is not known
    here yet. `limited`: whether any limit is set. `busy_wait_s`: how long a call may wait for others' reservations.
    `calendar`: the day of budgets. `view`: how the budgets stand, by the Treasury that lives or lived last."""

    leases: dict[int, Lease] = field(default_factory=dict[int, Lease])
    unbooked: dict[ChargeKey, Unbooked] = field(default_factory=dict[ChargeKey, Unbooked])
    open_runs: set[str] = field(default_factory=set[str])
    ended: dict[str, str] = field(default_factory=dict[str, str])
    revived: set[str] = field(default_factory=set[str])
    limited: bool = True
    busy_wait_s: float = 60.0
    calendar: Calendar | None = None
    view: Callable[[], BudgetView | None] | None = None
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def next_number(self) -> int:
        """A number that no lease of this node's life has had."""
        return next(self._numbers)

    def seen(self) -> BudgetView | None:
        """How the budgets stand; None before the ledger was read."""
        return None if self.view is None else self.view()

    def lay_down(self, settled: Unbooked) -> int | None:
        """Keeps a settlement until it is booked, in place of one of the same answer: the lease which that one had."""
        before = self.unbooked.get(settled.charge.key)
        self.unbooked[settled.charge.key] = settled
        # Before it is booked: the run may end first, and its end has to be heard.
        self.open_runs.add(settled.charge.payer.run)
        return None if before is None else before.lease

    def settling(self) -> set[int]:
        """The leases whose settlement is on its way: no longer their holder's to give back."""
        return {each.lease for each in self.unbooked.values() if each.lease is not None}

    def attach(self, kernel: Kernel) -> Callable[[], None]:
        """Hears of runs that end, and of those that go on again; the returned function ends that."""
        return kernel.events.subscribe(self._hear, RunEvent)

    def _hear(self, event: object) -> None:
        if not isinstance(event, RunEvent):
            return
        run = event.run_id
        if event.kind in _ENDS:
            self.revived.discard(run)
            if run in self.open_runs:
                self.open_runs.discard(run)
                self.ended[run] = _ENDS[event.kind]
        elif event.kind in _GOES_ON and run not in self.open_runs:
            if self.ended.pop(run, None) is not None:
                self.open_runs.add(run)
            self.revived.add(run)
