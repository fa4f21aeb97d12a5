"""A pipeline's own breakers around its calls: what it spends, and whether its answers are what was asked for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.kernel import Kernel, ManualClock
from actors.providers import Billed, TransientError, Usage
from actors.steps.breaking import judge, watched
from pipelines.guardrails.breaker import BreakerPolicy
from pipelines.guardrails.breaker_panel import BreakerChanged, BreakerPanel
from pipelines.guardrails.breaker_rules import BreakerRules, CostBound
from tests.support import run

RULES = BreakerRules(
    quality=BreakerPolicy(size=4, min_calls=2, open_s=10, half_open_calls=1),
    cost=CostBound(Decimal(1), window_s=60, open_s=60),
)


class Pipeline:
    """One pipeline, its breakers, and a clock that stands still."""

    def __init__(self, rules: BreakerRules = RULES) -> None:
        self.clock = ManualClock()
        self.kernel = Kernel(clock=self.clock)
        self.changes: list[BreakerChanged] = []
        self.panel = BreakerPanel(rules, self.changes.append, self.clock.wall)

    async def call(self, usd: str | None = None, *, fits: bool | None = None, error: Exception | None = None) -> None:
        async with watched(self.panel, self.kernel, "p", "vendor") as call:
            if error is not None:
                raise error
            call.answered(None if usd is None else Decimal(usd), fits=fits)

    @property
    def told(self) -> list[str]:
        return [f"{change.name} {change.after}" for change in self.changes]


def test_a_pipeline_that_spends_too_fast_is_stopped_and_goes_on_when_that_is_long_ago() -> None:
    async def main() -> None:
        pipeline = Pipeline()
        await pipeline.call("0.7")
        await pipeline.call(None)
        await pipeline.call("0.7")
        with pytest.raises(TransientError) as caught:
            await pipeline.call("0.1")
        assert (caught.value.code, caught.value.retry_after_s) == ("breaker_open", 60.0)
        assert "cost:p" in caught.value.message
        pipeline.clock.advance(61)
        await pipeline.call("0.1")
        assert pipeline.told == ["cost:p open", "cost:p half_open", "cost:p closed"]

    run(main())


def test_answers_that_do_not_fit_open_the_quality_breaker_and_other_errors_do_not() -> None:
    async def main() -> None:
        pipeline = Pipeline()
        for _ in range(5):
            with pytest.raises(TransientError):
                await pipeline.call(error=TransientError("overloaded", "vendor", "no"))
        assert pipeline.told == []
        for _ in range(2):
            with pytest.raises(TransientError):
                await pipeline.call(error=TransientError("schema_mismatch", "vendor", "no"))
        assert pipeline.told == ["quality:p open"]
        pipeline.clock.advance(10)
        await pipeline.call(fits=True)
        assert pipeline.told[-1] == "quality:p closed"

    run(main())


def test_an_answer_that_cannot_be_used_counts_with_what_it_cost() -> None:
    async def main() -> None:
        pipeline = Pipeline()
        error = TransientError("schema_mismatch", "vendor", "no")
        error.billed = Billed("m", Usage(1, 1), Decimal("1.1"), "a1")
        with pytest.raises(TransientError):
            await pipeline.call(error=error)
        assert pipeline.told == ["cost:p open"]

    run(main())


def test_a_step_that_checks_its_answer_afterwards_says_so() -> None:
    async def main() -> None:
        pipeline = Pipeline()
        for _ in range(2):
            await pipeline.call()
            judge(pipeline.panel, pipeline.kernel, "p", fits=False)
        assert pipeline.told == ["quality:p open"]

    run(main())


def test_a_trial_that_tells_nothing_leaves_its_place_to_the_judgement_after_it() -> None:
    async def main() -> None:
        pipeline = Pipeline()
        for _ in range(2):
            judge(pipeline.panel, pipeline.kernel, "p", fits=False)
        pipeline.clock.advance(10)
        await pipeline.call()
        judge(pipeline.panel, pipeline.kernel, "p", fits=True)
        assert pipeline.told[-1] == "quality:p closed"

    run(main())


def test_without_breakers_nothing_is_asked() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        async with watched(None, kernel, "p", "vendor") as call:
            call.answered(Decimal(1_000), fits=False)
        judge(None, kernel, "p", fits=False)

    run(main())
