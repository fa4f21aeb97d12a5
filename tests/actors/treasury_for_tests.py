"""A Treasury over a state directory of its own, and who asks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from actors.kernel import Actor, ActorRef, ChildSpec, Kernel, ManualClock
from actors.runs.events import RunEvent
from actors.steps import Paid
from actors.treasury import (
    BudgetChanged,
    BudgetPlan,
    BudgetState,
    BudgetView,
    InvalidBudgetError,
    LeaseTable,
    Till,
    Treasury,
)
from pipelines.execution import Amount
from pipelines.guardrails.budget import Bound, Payer
from supervisors import Supervisor

DAY_S = 86_400.0


class WallClock(ManualClock):
    """Shows whatever time of day the test says."""

    def __init__(self, shown: float) -> None:
        super().__init__()
        self.shown = shown

    def wall(self) -> float:
        return self.shown


class Holder(Actor):
    """Stands for a StepActor."""

    def on_receive(self, message: Any) -> None:
        """Takes nothing."""


def a_price(_provider: str, _model: str | None, input_tokens: int, output_tokens: int) -> Decimal | None:
    return Decimal(input_tokens + output_tokens) / 1000


class Bank:
    """A kernel with a supervised Treasury over one state directory."""

    def __init__(self, state_dir: Path, plan: BudgetPlan, *, clock: ManualClock | None = None) -> None:
        self.state_dir = state_dir
        self.plan = plan
        self.kernel = Kernel(clock=clock)
        self.table = LeaseTable()
        self.events: list[Any] = []
        self.kernel.events.subscribe(self.events.append)
        self.table.attach(self.kernel)
        self.audited: list[BudgetChanged] = []
        self.audit_refuses = False

    async def audit(self, change: BudgetChanged) -> None:
        if self.audit_refuses:
            raise InvalidBudgetError("the audit log is full")
        self.audited.append(change)

    async def start(self) -> None:
        child = ChildSpec(
            id="treasury",
            actor_class=Treasury,
            args=(self.state_dir, self.table, self.plan),
            kwargs={"audit": self.audit, "up_s": self.kernel.clock.now},
            name="treasury",
        )
        await self.kernel.spawn(Supervisor, (child,), max_restarts=50, name="top")
        await self.view()

    async def view(self) -> BudgetView:
        while True:
            seen: BudgetView = await self.kernel.ref("treasury").call(BudgetState())
            if seen.problem is None:
                return seen
            await asyncio.sleep(0)

    async def holder(self) -> ActorRef[Any]:
        return await self.kernel.spawn(Holder)

    async def till(
        self, step: str = "s", holder: ActorRef[Any] | None = None, run_id: str = "r1", tenant: str = "ada"
    ) -> Till:
        payer = Payer(tenant, "simple", "digest", "generation", run_id, step)
        return Till(self.kernel, self.table, holder or await self.holder(), payer, a_price)

    def say(self, run_id: str, kind: Any) -> None:
        """As the run's actors do."""
        self.kernel.events.publish(RunEvent(run_id, 1, 0.0, kind))

    async def spent(self, path: str = "day") -> int:
        return next((each.tokens_spent for each in (await self.view()).accounts if each.path == path), 0)


@asynccontextmanager
async def bank(
    state_dir: Path, limits: dict[str, Bound] | None = None, clock: ManualClock | None = None, **more: Any
) -> AsyncGenerator[Bank]:
    made = Bank(state_dir, BudgetPlan(limits or {"day": Bound(tokens=1000)}, **more), clock=clock)
    await made.start()
    try:
        yield made
    finally:
        await made.kernel.shutdown()


def paid(tokens: int, answer: str = "a1", call: str = "") -> Paid:
    return Paid(call, answer, "anthropic", "m", Amount(tokens, Decimal(tokens) / 1000))


async def until(condition: Any) -> None:
    while not await condition():
        await asyncio.sleep(0.002)
