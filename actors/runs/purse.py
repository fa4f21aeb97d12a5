"""How a step of a run with limits asks its PipelineActor before each call."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from actors.kernel import ActorDeadError, ActorRef, CallTimeout, Kernel, MailboxFull
from actors.runs.messages import Lent, Release, Reserve, Settle
from actors.runs.names import pipeline_name
from actors.steps import LedgerUnavailableError, PriceOf
from pipelines.execution import Amount, LimitReachedError

_TRIES: Final = 40
_AGAIN_S: Final = 0.05
_CALL_TIMEOUT_S: Final = 60.0


class Purse:
    """Of one StepActor (`holder`). `payers` are the runs that pay for it, each with the path of the step that does."""

    def __init__(
        self, kernel: Kernel, holder: ActorRef[Any], payers: tuple[tuple[str, str], ...], price_of: PriceOf
    ) -> None:
        self._kernel = kernel
        self._holder = holder
        self._payers = payers
        self._price_of = price_of
        self._lent: dict[int, tuple[str, Reserve]] = {}

    def restate(self) -> None:
        """Tells again what is set aside: a PipelineActor that took its step over has not heard it."""
        for number, (run_id, reserved) in self._lent.items():
            self._tell(run_id, Lent(reserved, number))

    def priced(self, provider: str, model: str | None, input_tokens: int, output_tokens: int) -> Amount:
        """Tokens with their price."""
        return Amount(input_tokens + output_tokens, self._price_of(provider, model, input_tokens, output_tokens))

    async def reserve(self, amount: Amount) -> tuple[int, ...]:
        """One number for each payer, or none is kept. Raises `LimitReachedError`, or `LedgerUnavailableError` when a
        PipelineActor does not come back within 2 s, or does not answer within a minute."""
        numbers: list[int] = []
        try:
            for run_id, key in self._payers:
                reserve = Reserve(key, self._holder, amount.tokens, amount.cost_usd)
                number = await self._ask(run_id, reserve)
                self._lent[number] = (run_id, reserve)
                numbers.append(number)
        except BaseException:
            self.release(tuple(numbers))
            raise
        return tuple(numbers)

    def settle(self, numbers: tuple[int, ...], used: Amount) -> None:
        """A PipelineActor that is away learns of it from the step's result."""
        for (run_id, key), number in zip(self._payers, numbers, strict=False):
            self._lent.pop(number, None)
            self._tell(run_id, Settle(key, number, used.tokens, used.cost_usd))

    def release(self, numbers: tuple[int, ...]) -> None:
        """Gives back what was set aside."""
        for (run_id, _), number in zip(self._payers, numbers, strict=False):
            self._lent.pop(number, None)
            self._tell(run_id, Release(number))

    async def _ask(self, run_id: str, message: Reserve) -> int:
        for _ in range(_TRIES):
            try:
                ref = self._kernel.ref(pipeline_name(run_id))
                answer: int | LimitReachedError = await ref.call(message, timeout_s=_CALL_TIMEOUT_S)
            except ActorDeadError:
                await self._kernel.clock.sleep(_AGAIN_S)  # between two lives
                continue
            except (CallTimeout, MailboxFull):
                break
            if isinstance(answer, LimitReachedError):
                raise answer
            return answer
        raise LedgerUnavailableError(f"run {run_id} does not say what may still be spent")

    def _tell(self, run_id: str, message: Settle | Release | Lent) -> None:
        with contextlib.suppress(ActorDeadError, MailboxFull):
            self._kernel.ref(pipeline_name(run_id)).tell(message)
