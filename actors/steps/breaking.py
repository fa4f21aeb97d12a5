"""The circuit breakers of a pipeline around a call: may it be made, and what does it say about cost and quality.

Those of the provider and its model are asked by the provider's pool, where the call gets its turn.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal

from actors.kernel import Kernel
from actors.providers import MISFITS, ProviderError, TransientError, said
from pipelines.guardrails.breaker import Verdict
from pipelines.guardrails.breaker_panel import BreakerOpen, BreakerPanel
from pipelines.guardrails.breaker_rules import BreakerKind


class Watched:
    """What is said of one call while it is watched."""

    __slots__ = ("cost_usd", "fits")

    def __init__(self) -> None:
        self.cost_usd: Decimal | None = None
        self.fits: bool | None = None

    def answered(self, cost_usd: Decimal | None, *, fits: bool | None = None) -> None:
        """The call has its answer. `fits` says whether it is what was asked for, None where nothing tells."""
        self.cost_usd = cost_usd
        self.fits = fits


@asynccontextmanager
async def watched(panel: BreakerPanel | None, kernel: Kernel, pipeline: str, provider: str) -> AsyncGenerator[Watched]:
    """A call of `pipeline`; an answer that does not fit its schema counts against the quality by itself.

    Raises `TransientError` "breaker_open" before anything is done.
    """
    call = Watched()
    if panel is None:
        yield call
        return
    clock = kernel.clock
    permits = panel.admit_pipeline(pipeline, clock.now())
    if isinstance(permits, BreakerOpen):
        words, retry_after_s = said(permits)
        raise TransientError("breaker_open", provider, words, retry_after_s)
    verdicts: Mapping[BreakerKind, Verdict] = {}
    try:
        yield call
        verdicts = _verdicts(panel, pipeline, call, clock.now())
    except ProviderError as error:
        if error.billed is not None:
            call.cost_usd = error.billed.cost_usd
        call.fits = False if error.code in MISFITS else None
        verdicts = _verdicts(panel, pipeline, call, clock.now())
        raise
    finally:
        panel.record(permits, verdicts, clock.now())


def judge(panel: BreakerPanel | None, kernel: Kernel, pipeline: str, *, fits: bool) -> None:
    """A verdict on an answer's quality that was reached after the call: by a step that checks what it was given."""
    if panel is None:
        return
    now = kernel.clock.now()
    permits = panel.admit_pipeline(pipeline, now)
    if not isinstance(permits, BreakerOpen):
        panel.record(permits, {BreakerKind.QUALITY: Verdict.GOOD if fits else Verdict.BAD}, now)


def _verdicts(panel: BreakerPanel, pipeline: str, call: Watched, now: float) -> Mapping[BreakerKind, Verdict]:
    verdicts: dict[BreakerKind, Verdict] = {}
    if call.cost_usd is not None:
        verdicts[BreakerKind.COST] = panel.spend(pipeline, call.cost_usd, now)
    if call.fits is not None:
        verdicts[BreakerKind.QUALITY] = Verdict.GOOD if call.fits else Verdict.BAD
    return verdicts
