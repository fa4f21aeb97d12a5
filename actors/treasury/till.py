"""How a step asks the Treasury before a call and settles with it afterwards."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from actors.kernel import ActorDeadError, ActorRef, CallTimeout, Kernel, MailboxFull
from actors.providers import PROVIDERS
from actors.steps import BudgetBusyError, Paid, PriceOf, TreasuryUnavailableError
from actors.treasury.lease_table import LeaseTable, Unbooked
from actors.treasury.messages import BookNow, Borrow, Charge, GiveBack, Lease, LedgerClosedError
from pipelines.execution import Amount, LimitReachedError
from pipelines.guardrails.budget import Payer, Refusal

PATIENCE_S: Final = 10.0
_AGAIN_S: Final = 0.05
_GRACE_S: Final = 30.0


class Till:
    """Of one StepActor (`holder`). Calls of providers that are no language model cost nothing and are not asked for."""

    def __init__(
        self, kernel: Kernel, table: LeaseTable, holder: ActorRef[Any], payer: Payer, price_of: PriceOf
    ) -> None:
        self._kernel = kernel
        self._table = table
        self._holder = holder
        self._payer = payer
        self._price_of = price_of

    def counts(self, provider: str) -> bool:
        """Whether calls of this provider cost anything."""
        entry = PROVIDERS.get(provider)
        return entry is None or entry.language_model

    def priced(self, provider: str, model: str | None, input_tokens: int, output_tokens: int) -> Amount:
        """Tokens with their price."""
        return Amount(input_tokens + output_tokens, self._price_of(provider, model, input_tokens, output_tokens))

    async def borrow(self, amount: Amount) -> int | None:
        """The lease's number; None where no limit is set, so that nothing is reserved.

        Raises `LimitReachedError` when a budget has no room, `TreasuryUnavailableError` when nobody says so within
        10 s, `BudgetBusyError` when calls under way have held the rest for too long. Cancelled, it leaves nothing
        reserved.
        """
        if not self._table.limited:
            return None
        lease = Lease(self._table.next_number(), self._holder, self._payer, amount)
        try:
            refusal: Refusal | None = await self._ask(Borrow(lease), self._table.busy_wait_s + _GRACE_S)
        except BaseException:
            self.give_back(lease.number)
            raise
        if refusal is not None and refusal.passing:
            raise BudgetBusyError(f"{refusal}; calls under way hold the rest")
        if refusal is not None:
            raise _reached(refusal, self._payer)
        return lease.number

    async def settle(self, lease: int | None, paid: Paid) -> None:
        """Books what the call used; returns when that is on the disk, or at once where nothing is limited (it is on the
        disk within about a second then). With a disk or a Treasury that is away for longer
        than 10 s it returns all the same: the answer is paid for, and the settlement stays in the lease table."""
        charge = Charge(self._payer, paid.call, paid.answer, paid.provider, paid.model or "", paid.used)
        before = self._table.lay_down(Unbooked(charge, lease))
        if before is not None and before != lease:
            self.give_back(before)  # the same answer, got once more before it was booked: one reservation is enough
        if lease is None and not self._table.limited:
            return
        with contextlib.suppress(TreasuryUnavailableError):
            await self._ask(BookNow(charge.key), PATIENCE_S)

    def give_back(self, lease: int | None) -> None:
        """The call came to nothing. With the Treasury away, its next life finds the holder's end or the lease's."""
        if lease is None:
            return
        try:
            self._kernel.ref("treasury").tell(GiveBack(lease))
        except (ActorDeadError, MailboxFull):
            self._table.leases.pop(lease, None)

    async def _ask(self, message: Borrow | BookNow, timeout_s: float) -> Any:
        clock, treasury = self._kernel.clock, self._kernel.ref("treasury")
        deadline = clock.now() + PATIENCE_S
        while True:
            asked = clock.now()
            try:
                return await treasury.call(message, timeout_s=timeout_s)
            except (ActorDeadError, MailboxFull, LedgerClosedError) as error:
                reason = str(error)
            except CallTimeout as error:
                raise TreasuryUnavailableError(f"the Treasury does not answer ({error})") from error
            if clock.now() - asked > PATIENCE_S:
                deadline = clock.now() + PATIENCE_S  # it was there until now: the call has waited for room
            if clock.now() + _AGAIN_S > deadline:
                raise TreasuryUnavailableError(f"the Treasury does not say what may still be spent ({reason})")
            await clock.sleep(_AGAIN_S)


def _reached(refusal: Refusal, payer: Payer) -> LimitReachedError:
    lasts = not refusal.account.of
    fix = {
        "limit": f"raise it (`evopipe budget set {refusal.account.path} --usd ... --tokens ... --reason ...`), "
        f"{'wait for the next UTC day, ' if lasts else ''}or ask for fewer tokens",
        "unknown_price": "name a model with a price, add one to config/models.yaml, or set "
        "budgets.unknown_price: allow",
        "emergency_stop": "wait for the next UTC day, or raise the limit",
    }[refusal.why]
    of_run = refusal.account.path.startswith("run/")
    share = "; of a run's limit a pipeline has the share that it is trusted with (`evopipe budget`)" if of_run else ""
    return LimitReachedError(
        f"{refusal}{share}. The call was not made. Fix: {fix}",
        limit=f"{refusal.account.path} ({refusal.unit})",
        value=refusal.limit,
        spent=refusal.spent,
        pipelines=(payer.pipeline,),
        code={"limit": "budget_reached", "unknown_price": "unknown_price", "emergency_stop": "budget_stopped"}[
            refusal.why
        ],
    )
