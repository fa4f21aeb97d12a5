"""The pool's limits, turns and breakers, with time in the test's hands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from actors.kernel import Kernel, ManualClock
from actors.providers import (
    Answer,
    Caller,
    CallQueued,
    CallTurnedAway,
    CallWaited,
    ConnectionActor,
    ProviderError,
    ProviderPool,
    RefusedError,
    Request,
    TransientError,
    Usage,
    complete,
    connection_name,
    count_tokens,
    pool_name,
)
from pipelines.guardrails.breaker import BreakerPolicy
from pipelines.guardrails.breaker_panel import BreakerChanged, BreakerPanel
from pipelines.guardrails.breaker_rules import BreakerRules
from pipelines.guardrails.rate_limits import EVERYBODY, Allowance, ProviderLimits, RateLimit, VendorLimits
from tests.actors.providers.fakes import GatedProvider
from tests.support import run

BREAKERS = BreakerRules(provider={"": BreakerPolicy(size=4, min_calls=2, open_s=10, half_open_calls=1)})


class Scripted(GatedProvider):
    """Answers at once; writes down who asked."""

    def __init__(self) -> None:
        super().__init__()
        self.gate.set()
        self.asked: list[str] = []
        self.limits: VendorLimits | None = None
        self.spends_all = False

    async def complete(self, request: Request) -> Answer:
        self.asked.append(request.prompt)
        await super().complete(request)
        usage = Usage(0, request.max_tokens) if self.spends_all else Usage(1, 2)
        return Answer("", None, "gated", "gate-1", usage, None, "end_turn", limits=self.limits)


class World:
    """One provider with one connection, a pool, and a clock that stands still."""

    def __init__(self, rules: BreakerRules | None) -> None:
        self.clock = ManualClock()
        self.kernel = Kernel(clock=self.clock)
        self.provider = Scripted()
        self.events: list[Any] = []
        self.kernel.events.subscribe(self.events.append)
        self.panel = None if rules is None else BreakerPanel(rules, self.kernel.events.publish, self.clock.wall)

    def ask(self, prompt: str = "hello", **facts: Any) -> asyncio.Task[Answer]:
        caller = Caller(facts.pop("tenant", "me"), facts.pop("run", "run"))
        request = Request(prompt, caller=caller, timeout_s=facts.pop("timeout_s", 600.0), **facts)
        return asyncio.create_task(complete(self.kernel, "gated", request))

    async def settle(self) -> None:
        """Lets everything happen that can happen without time."""
        for _ in range(100):
            await asyncio.sleep(0)

    async def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    def of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.events if isinstance(each, kind)]


@contextlib.asynccontextmanager
async def world(
    limits: ProviderLimits | None = None, rules: BreakerRules | None = None, **options: Any
) -> AsyncGenerator[World]:
    made = World(rules)
    name = connection_name("gated", 1)
    in_flight = options.pop("max_in_flight", 256)
    await made.kernel.spawn(ConnectionActor, "gated", lambda: made.provider, in_flight, "gate-0", name=name)
    await made.kernel.spawn(
        ProviderPool,
        "gated",
        [name],
        in_flight,
        name=pool_name("gated"),
        default_model="gate-0",
        limits=limits,
        panel=made.panel,
        **options,
    )
    try:
        yield made
    finally:
        stopping = asyncio.create_task(made.kernel.shutdown())
        while not stopping.done():
            await made.after(1.0)
        await stopping


async def failure(task: asyncio.Task[Answer]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await task
    return caught.value


# ---- rates -------------------------------------------------------------------------------------------------


def test_calls_above_the_rate_wait_for_their_time_and_no_longer() -> None:
    async def main() -> list[int]:
        # 5 a minute: one at once, then one every 12 s.
        async with world(ProviderLimits(RateLimit(requests_per_minute=5))) as it:
            calls = [it.ask() for _ in range(4)]
            await it.settle()
            done = [sum(call.done() for call in calls)]
            for seconds in (11.9, 0.2, 12.0, 12.0):
                await it.after(seconds)
                done.append(sum(call.done() for call in calls))
            assert len(it.of(CallQueued)) == 3
            assert [each.outcome for each in it.of(CallWaited)] == ["served"] * 3
            return done

    assert run(main()) == [1, 1, 2, 3, 4]


def test_within_any_minute_no_more_calls_go_than_the_limit_says() -> None:
    async def main() -> list[float]:
        async with world(ProviderLimits(RateLimit(requests_per_minute=10))) as it:
            sent = list[float]()
            calls = [it.ask() for _ in range(40)]
            before = 0
            for _ in range(400):
                await it.settle()
                sent += [it.clock.now()] * (len(it.provider.asked) - before)
                before = len(it.provider.asked)
                it.clock.advance(1.0)
            await asyncio.gather(*calls)
            return sent

    sent = run(main(), 30)
    assert len(sent) == 40
    assert max(sum(1 for at in sent if begun <= at < begun + 60) for begun in sent) <= 10


def test_a_call_that_would_wait_beyond_its_deadline_is_told_so_at_once_and_when_to_come() -> None:
    async def main() -> ProviderError:
        async with world(ProviderLimits(RateLimit(requests_per_minute=1))) as it:
            await it.ask()
            return await failure(it.ask(timeout_s=5.0))

    error = run(main())
    assert isinstance(error, TransientError)
    assert (error.code, error.retry_after_s) == ("rate_limited", pytest.approx(60.0))


def test_waiting_ends_at_the_requests_own_deadline() -> None:
    async def main() -> str:
        async with world(ProviderLimits(RateLimit(concurrent=1))) as it:
            it.provider.gate.clear()
            first = it.ask()
            second = it.ask(timeout_s=5.0)
            await it.settle()
            await it.after(5.1)
            code = (await failure(second)).code
            assert [each.outcome for each in it.of(CallWaited)] == ["left"]
            it.provider.gate.set()
            await first
            return code

    assert run(main()) == "timeout"


def test_a_model_at_its_limit_holds_up_no_other_model_and_a_tenant_no_other_tenant() -> None:
    async def main() -> list[str]:
        limits = ProviderLimits(models={"slow": RateLimit(concurrent=1)}, tenants={EVERYBODY: RateLimit(concurrent=2)})
        async with world(limits) as it:
            it.provider.gate.clear()
            calls = [it.ask("a1", model="slow"), it.ask("a2", model="slow"), it.ask("a3"), it.ask("a4")]
            await it.settle()
            calls += [it.ask("b1", tenant="bob"), it.ask("b2", tenant="bob", model="slow")]
            await it.settle()
            asked = list(it.provider.asked)
            it.provider.gate.set()
            await asyncio.gather(*calls)
            return asked

    assert run(main()) == ["a1", "a3", "b1"]


def test_small_calls_do_not_keep_a_large_one_waiting_for_ever() -> None:
    async def main() -> int:
        # 1000 tokens a minute: 200 at once, 800 / 60 a second.
        async with world(ProviderLimits(RateLimit(tokens_per_minute=1_000))) as it:
            it.provider.spends_all = True
            first = it.ask("x", max_tokens=150)
            await it.settle()
            large = it.ask("large", max_tokens=190, run="large")
            small = [it.ask("s", max_tokens=60, run=f"small {number}") for number in range(50)]
            for _ in range(600):
                await it.after(0.1)
            position = it.provider.asked.index("large")
            for task in (first, large, *small):
                task.cancel()
            return position

    assert run(main(), 30) <= 2


def test_tokens_that_a_call_did_not_use_are_there_for_the_next() -> None:
    async def main() -> int:
        async with world(ProviderLimits(RateLimit(tokens_per_minute=1_000))) as it:
            for _ in range(5):
                await it.ask("x", max_tokens=150)
            return len(it.provider.asked)

    assert run(main()) == 5


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (RefusedError("invalid_request", "gated", "no"), 6),
        (TransientError("busy", "gated", "no"), 6),
        (TransientError("server_error", "gated", "no"), 1),
    ],
    ids=["refused", "not taken", "failed on the way"],
)
def test_tokens_of_a_call_that_was_not_worked_on_are_free_again(error: ProviderError, sent: int) -> None:
    async def main() -> int:
        # 1000 tokens a minute: 200 at once.
        async with world(ProviderLimits(RateLimit(tokens_per_minute=1_000))) as it:
            it.provider.error = error
            await failure(it.ask("x", max_tokens=180))
            calls = list[asyncio.Task[Answer]]()
            for _ in range(5):
                calls.append(it.ask("x", max_tokens=180))
                await it.settle()
            asked = len(it.provider.asked)
            for each in calls:
                each.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            return asked

    assert run(main()) == sent


# ---- what the vendor says ----------------------------------------------------------------------------------


def test_retry_after_pauses_the_model_for_everybody_and_only_the_model() -> None:
    async def main() -> list[list[str]]:
        async with world() as it:
            it.provider.error = TransientError("rate_limited", "gated", "slow down", 30.0)
            assert (await failure(it.ask("first", model="m"))).code == "rate_limited"
            it.provider.error = None
            waiting = it.ask("same", model="m", run="another")
            await it.ask("other model", model="n")
            seen = [list(it.provider.asked)]
            await it.after(29.0)
            seen.append(list(it.provider.asked))
            await it.after(1.1)
            await waiting
            return [*seen, list(it.provider.asked)]

    first, second, third = run(main())
    assert first == second == ["first", "other model"]
    assert third == ["first", "other model", "same"]


def test_what_the_vendor_says_is_left_is_not_exceeded() -> None:
    async def main() -> list[int]:
        async with world() as it:
            it.provider.limits = VendorLimits(requests=Allowance(limit=10, remaining=1, reset_s=90.0))
            await it.ask()
            calls = [it.ask(run=str(number)) for number in range(5)]
            await it.settle()
            asked = [len(it.provider.asked)]
            await it.after(10.1)  # 9 of 10 are back in 90 s: one in 10 s
            asked.append(len(it.provider.asked))
            for call in calls:
                call.cancel()
            return asked

    assert run(main()) == [2, 3]


# ---- turns -------------------------------------------------------------------------------------------------


def test_one_call_of_another_run_is_not_held_up_by_a_thousand() -> None:
    async def main() -> int:
        async with world(ProviderLimits(RateLimit(concurrent=1))) as it:
            it.provider.gate.clear()
            big = [it.ask("big", run="big") for _ in range(1_000)]
            await it.settle()
            small = it.ask("small", run="small")
            await it.settle()
            it.provider.gate.set()
            await small
            position = it.provider.asked.index("small")
            for task in big:
                task.cancel()
            await asyncio.gather(*big, return_exceptions=True)
            return position

    assert run(main(), 30) <= 3


def test_two_tenants_share_evenly_however_many_runs_each_has() -> None:
    async def main() -> list[str]:
        async with world(ProviderLimits(RateLimit(concurrent=1))) as it:
            it.provider.gate.clear()
            calls = [it.ask("many", tenant="many", run=str(number % 20)) for number in range(100)]
            calls += [it.ask("few", tenant="few", run="only") for _ in range(40)]
            await it.settle()
            it.provider.gate.set()
            await asyncio.gather(*calls)
            return it.provider.asked

    asked = run(main(), 30)
    assert abs(asked[:80].count("few") - 40) <= 2


def test_a_caller_that_leaves_the_queue_leaves_its_turn_to_the_next() -> None:
    async def main() -> list[str]:
        async with world(ProviderLimits(RateLimit(requests_per_minute=1))) as it:
            await it.ask("first")
            gone, stays = it.ask("gone"), it.ask("stays")
            await it.settle()
            gone.cancel()
            await it.after(60.1)
            await stays
            return it.provider.asked

    assert run(main()) == ["first", "stays"]


def test_a_queue_that_is_full_turns_calls_away_and_says_so() -> None:
    async def main() -> list[str]:
        async with world(ProviderLimits(RateLimit(concurrent=1)), max_waiting=1) as it:
            it.provider.gate.clear()
            calls = [it.ask(), it.ask()]
            await it.settle()
            assert (await failure(it.ask())).code == "pool_full"
            it.provider.gate.set()
            await asyncio.gather(*calls)
            return [each.why for each in it.of(CallTurnedAway)]

    assert run(main()) == ["pool_full"]


# ---- breakers ----------------------------------------------------------------------------------------------


def test_faults_of_the_vendor_open_the_breaker_and_a_trial_closes_it_again() -> None:
    async def main() -> list[str]:
        async with world(rules=BREAKERS) as it:
            it.provider.error = TransientError("overloaded", "gated", "too much")
            for _ in range(2):
                assert (await failure(it.ask())).code == "overloaded"
            refused = await failure(it.ask())
            assert isinstance(refused, TransientError)
            assert (refused.code, refused.retry_after_s) == ("breaker_open", 10.0)
            assert it.provider.calls == 2
            it.provider.error = None
            await it.after(10.0)
            await it.ask()
            await it.ask()
            return [str(each.after) for each in it.of(BreakerChanged) if "/" not in each.name.subject]

    assert run(main()) == ["open", "half_open", "closed"]


@pytest.mark.parametrize(
    "error",
    [
        RefusedError("invalid_request", "gated", "no"),
        RefusedError("blocked", "gated", "no"),
        TransientError("rate_limited", "gated", "no"),
        TransientError("schema_mismatch", "gated", "no"),
        TransientError("busy", "gated", "no"),
    ],
)
def test_what_is_no_fault_of_the_vendor_opens_nothing(error: ProviderError) -> None:
    async def main() -> int:
        async with world(rules=BREAKERS) as it:
            it.provider.error = error
            for _ in range(10):
                assert (await failure(it.ask())).code == error.code
            return it.provider.calls

    assert run(main()) == 10


def test_calls_that_the_provider_gave_up_on_count_as_slow_ones() -> None:
    async def main() -> list[str]:
        slow = BreakerPolicy(size=4, min_calls=2, slow_s=5.0, slow_rate=1.0)
        async with world(rules=BreakerRules(performance={"": slow})) as it:
            it.provider.error = TransientError("timeout", "gated", "no answer within 6 s")
            it.provider.gate.clear()
            calls = [it.ask() for _ in range(2)]
            await it.settle()
            await it.after(6.0)
            it.provider.gate.set()
            assert [(await failure(call)).code for call in calls] == ["timeout"] * 2
            return [f"{each.name} {each.after}" for each in it.of(BreakerChanged)]

    assert run(main()) == ["performance:gated/gate-0 open"]


def test_a_cancelled_call_gives_its_place_and_the_breakers_trial_back() -> None:
    async def main() -> None:
        async with world(ProviderLimits(RateLimit(concurrent=1)), BREAKERS) as it:
            it.provider.error = TransientError("server_error", "gated", "no")
            for _ in range(2):
                await failure(it.ask())
            it.provider.error = None
            await it.after(10.0)
            it.provider.gate.clear()
            trial = it.ask()
            await it.settle()
            trial.cancel()
            await it.settle()
            it.provider.gate.set()
            await it.ask()

    run(main())


def test_a_count_of_tokens_asks_the_breaker_too() -> None:
    async def main() -> str:
        async with world(rules=BREAKERS) as it:
            it.provider.error = TransientError("unreachable", "gated", "no")
            for _ in range(2):
                await failure(it.ask())
            with pytest.raises(TransientError) as caught:
                await count_tokens(it.kernel, "gated", Request("x", timeout_s=5))
            return caught.value.code

    assert run(main()) == "breaker_open"
