"""Connections and pools: turns, queues, deaths, and who hears of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from actors.kernel import ActorRef, Kernel
from actors.providers import (
    Answer,
    Complete,
    ConnectionActor,
    ProviderCalled,
    ProviderPool,
    RefusedError,
    Request,
    TransientError,
    complete,
    connection_name,
    pool_name,
)
from tests.actors.providers.fakes import GatedProvider
from tests.support import run

ASK = Request("hello", timeout_s=5.0)


class Pool:
    """A pool named "gated" with its connections and their providers."""

    def __init__(self, kernel: Kernel, limits: dict[str, int]) -> None:
        self.kernel = kernel
        self.limits = limits
        self.providers: list[GatedProvider] = []
        self.connections: list[ActorRef[Any]] = []

    async def connect(self, number: int, *, open_gate: bool = True) -> GatedProvider:
        provider = GatedProvider(number)
        if open_gate:
            provider.gate.set()
        self.providers.append(provider)
        limit = self.limits.get("max_in_flight", 256)
        ref = await self.kernel.spawn(
            ConnectionActor, "gated", lambda: provider, limit, "gate-0", name=connection_name("gated", number)
        )
        self.connections.append(ref)
        return provider

    async def ask(self, request: Request = ASK) -> Answer:
        return await complete(self.kernel, "gated", request)


@contextlib.asynccontextmanager
async def pooled(count: int, *, open_gate: bool = True, **limits: int) -> AsyncGenerator[Pool]:
    kernel = Kernel()
    pool = Pool(kernel, limits)
    for number in range(1, count + 1):
        await pool.connect(number, open_gate=open_gate)
    names = [connection_name("gated", number) for number in range(1, count + 1)]
    await kernel.spawn(
        ProviderPool,
        "gated",
        names,
        name=pool_name("gated"),
        max_in_flight=limits.get("max_in_flight", 256),
        max_waiting=limits.get("max_waiting", 10_000),
    )
    try:
        yield pool
    finally:
        await kernel.shutdown()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


def test_connections_are_used_in_turn() -> None:
    async def main() -> list[str]:
        async with pooled(3) as pool:
            return [(await pool.ask()).text for _ in range(6)]

    assert run(main()) == ["1", "2", "3", "1", "2", "3"]


def test_a_dead_connection_is_passed_over() -> None:
    async def main() -> set[str]:
        async with pooled(3) as pool:
            pool.connections[1].kill()
            await pool.providers[1].closed.wait()
            return {(await pool.ask()).text for _ in range(4)}

    assert run(main()) == {"1", "3"}


def test_a_connection_killed_during_a_call_makes_its_caller_retry() -> None:
    async def main() -> str:
        async with pooled(2, open_gate=False) as pool:
            call = asyncio.create_task(pool.ask())
            await pool.providers[0].begun.wait()
            pool.connections[0].kill()
            with pytest.raises(TransientError) as caught:
                await call
            assert caught.value.code == "connection_lost"
            pool.providers[1].gate.set()
            return (await pool.ask()).text

    assert run(main()) == "2"


def test_a_kill_closes_the_provider_and_cancels_its_calls() -> None:
    async def main() -> int:
        async with pooled(1, open_gate=False) as pool:
            call = asyncio.create_task(pool.ask())
            provider = pool.providers[0]
            await provider.begun.wait()
            pool.connections[0].kill()
            await asyncio.wait_for(provider.closed.wait(), 5)
            with pytest.raises(TransientError, match="connection_lost"):
                await call
            return provider.cancelled

    assert run(main()) == 1


def test_a_restarted_connection_is_used_again_under_its_name() -> None:
    async def main() -> str:
        async with pooled(1) as pool:
            pool.connections[0].kill()
            await pool.providers[0].closed.wait()
            with pytest.raises(TransientError) as caught:
                await pool.ask()
            assert caught.value.code == "no_connection"
            await pool.connect(1)
            return (await pool.ask()).text

    assert run(main()) == "1"


def test_callers_wait_their_turn_when_all_connections_are_busy() -> None:
    async def main() -> list[str]:
        async with pooled(1, open_gate=False, max_in_flight=1) as pool:
            calls = [asyncio.create_task(pool.ask()) for _ in range(5)]
            await pool.providers[0].begun.wait()
            assert pool.providers[0].calls == 1
            pool.providers[0].gate.set()
            return [answer.text for answer in await asyncio.gather(*calls)]

    assert run(main()) == ["1"] * 5


def test_one_caller_more_than_may_wait_is_told_so_at_once() -> None:
    async def main() -> list[str]:
        async with pooled(1, open_gate=False, max_in_flight=1, max_waiting=2) as pool:
            calls = [asyncio.create_task(pool.ask()) for _ in range(5)]
            await until(lambda: sum(call.done() for call in calls) == 2)
            pool.providers[0].gate.set()
            ends = await asyncio.gather(*calls, return_exceptions=True)
            return sorted(end.code if isinstance(end, TransientError) else "ok" for end in ends)

    assert run(main()) == ["ok", "ok", "ok", "pool_full", "pool_full"]


def test_waiting_ends_at_the_requests_own_deadline() -> None:
    async def main() -> str:
        async with pooled(1, open_gate=False, max_in_flight=1) as pool:
            first = asyncio.create_task(pool.ask())
            await pool.providers[0].begun.wait()
            with pytest.raises(TransientError) as caught:
                await pool.ask(Request("late", timeout_s=0.05))
            pool.providers[0].gate.set()
            await first
            return caught.value.code

    assert run(main()) == "timeout"


def test_a_caller_that_gives_up_leaves_its_place_to_the_next() -> None:
    async def main() -> str:
        async with pooled(1, open_gate=False, max_in_flight=1) as pool:
            first = asyncio.create_task(pool.ask())
            await pool.providers[0].begun.wait()
            second = asyncio.create_task(pool.ask())
            await asyncio.sleep(0)
            first.cancel()
            await until(lambda: pool.providers[0].calls == 2)
            pool.providers[0].gate.set()
            return (await second).text

    assert run(main()) == "1"


def test_those_who_wait_are_served_after_the_only_connection_was_restarted() -> None:
    async def main() -> str:
        async with pooled(1, open_gate=False, max_in_flight=1) as pool:
            first = asyncio.create_task(pool.ask())
            await pool.providers[0].begun.wait()
            second = asyncio.create_task(pool.ask())
            await asyncio.sleep(0)
            pool.connections[0].kill()
            with pytest.raises(TransientError):
                await first
            await until(lambda: pool.kernel.registry.whereis(connection_name("gated", 1)) is None)
            await pool.connect(1)
            return (await second).text

    assert run(main()) == "1"


def test_a_provider_error_fails_the_caller_and_leaves_the_connection_alive() -> None:
    async def main() -> bool:
        async with pooled(1) as pool:
            pool.providers[0].error = RefusedError("blocked", "gated", "no")
            with pytest.raises(RefusedError):
                await pool.ask()
            pool.providers[0].error = None
            await pool.ask()
            return pool.connections[0].is_alive()

    assert run(main())


def test_a_fault_in_a_provider_ends_the_connection_and_the_caller_may_retry() -> None:
    async def main() -> bool:
        async with pooled(2) as pool:
            pool.providers[0].error = ZeroDivisionError()
            with pytest.raises((TransientError, ZeroDivisionError)) as caught:
                await pool.ask()
            assert isinstance(caught.value, TransientError)
            assert (await pool.ask()).text == "2"
            return pool.connections[0].is_alive()

    assert not run(main())


def test_without_a_pool_the_provider_is_transiently_away() -> None:
    async def main() -> str:
        kernel = Kernel()
        with pytest.raises(TransientError) as caught:
            await complete(kernel, "nobody", ASK)
        await kernel.shutdown()
        return caught.value.code

    assert run(main()) == "connection_lost"


def test_a_connection_refuses_more_calls_than_it_may_have_in_flight() -> None:
    async def main() -> str:
        async with pooled(1, open_gate=False, max_in_flight=1) as pool:
            first = asyncio.create_task(pool.connections[0].call(Complete(ASK), timeout_s=5))
            await pool.providers[0].begun.wait()
            with pytest.raises(TransientError) as caught:
                await pool.connections[0].call(Complete(ASK), timeout_s=5)
            pool.providers[0].gate.set()
            await first
            return caught.value.code

    assert run(main()) == "busy"


def test_every_call_is_reported_once() -> None:
    async def main() -> list[tuple[str, str, str | None, int]]:
        seen: list[ProviderCalled] = []
        async with pooled(1) as pool:

            def note(event: object) -> None:
                if isinstance(event, ProviderCalled):
                    seen.append(event)

            pool.kernel.events.subscribe(note)
            await pool.ask()
            pool.providers[0].error = RefusedError("blocked", "gated", "no")
            with pytest.raises(RefusedError):
                await pool.ask()
        return [(each.model, each.outcome, each.error_class, each.output_tokens) for each in seen]

    assert run(main()) == [("gate-1", "ok", None, 2), ("gate-0", "error", "refused", 0)]


def test_ten_thousand_calls_at_once_all_get_their_answer() -> None:
    async def main() -> int:
        async with pooled(4) as pool:
            answers = await asyncio.gather(*(pool.ask() for _ in range(10_000)))
            return len(answers)

    assert run(main(), 30) == 10_000
