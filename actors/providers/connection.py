"""One connection to a provider: an actor that owns a `Provider` and makes its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from actors.kernel import Actor
from actors.killswitch import Work
from actors.providers.errors import ProviderError, RefusedError, TransientError
from actors.providers.events import ProviderCalled
from actors.providers.protocol import Answer, Billed, Provider, Request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Complete:
    """Asks a connection or a pool for an answer -> `Answer`; fails with `ProviderError`."""

    request: Request


@dataclass(frozen=True, slots=True)
class CountTokens:
    """Asks a connection or a pool for the provider's own count -> int; fails with `ProviderError`."""

    request: Request


class ConnectionActor(Actor):
    """Answers `Complete` and `CountTokens`, many at a time (at most `max_in_flight`; one more is refused as transient
    "busy").

    A provider error fails its caller and leaves the connection alive, and so does a kill switch that cuts off the work
    a call is made for: it is cancelled here, at the vendor's door, before those hear of it who wait for it. When the
    connection dies, its calls are cancelled, their callers hear of it at once, and the provider's network connections
    are closed, also after a kill. Publishes one `ProviderCalled` a `Complete` that was not cancelled.
    """

    expected_errors = (ProviderError,)

    def __init__(
        self, provider_name: str, factory: Callable[[], Provider], max_in_flight: int = 256, model: str = "unknown"
    ) -> None:
        super().__init__()
        self._name = provider_name
        self._factory = factory
        self._max_in_flight = max_in_flight
        self._model = model
        self._in_flight = 0
        self._provider: Provider | None = None

    async def on_start(self) -> None:
        """Makes the provider; it connects at its first call."""
        provider = self._factory()
        self._provider = provider
        self.spawn_task(_hold(provider))

    async def on_receive(self, message: Any) -> Any:
        """Takes `Complete` and `CountTokens`."""
        match message:
            case Complete(request):
                return self.defer(self._call(request))
            case CountTokens(request):
                return self.defer(self._count(request))
            case _:
                raise TypeError(f"a connection takes Complete, not {type(message).__name__}")

    async def on_stop(self) -> None:
        """Closes the provider."""
        if self._provider is not None:
            await self._provider.aclose()

    async def _call(self, request: Request) -> Answer:
        assert self._provider is not None
        # Counted here and not in the handler: a call that is cancelled before it begins then leaves no trace.
        if self._in_flight >= self._max_in_flight:
            raise TransientError("busy", self._name, f"{self._in_flight} calls are in flight", 0.1)
        self._in_flight += 1
        started = self.kernel.clock.now()
        try:
            answer = await self._at_the_vendor(self._provider.complete(request), request)
        except ProviderError as error:
            billed = error.billed
            model = request.model or self._model if billed is None else billed.model
            self._report(started, model, error.error_class, billed)
            raise
        finally:
            self._in_flight -= 1
        self._report(started, answer.model, None, answer)
        return answer

    async def _count(self, request: Request) -> int:
        assert self._provider is not None
        if self._in_flight >= self._max_in_flight:
            raise TransientError("busy", self._name, f"{self._in_flight} calls are in flight", 0.1)
        self._in_flight += 1
        try:
            return await self._at_the_vendor(self._provider.count_tokens(request), request)
        finally:
            self._in_flight -= 1

    async def _at_the_vendor(self, call: Coroutine[Any, Any, T], request: Request) -> T:
        work, task = request.caller.work, asyncio.current_task()
        if work is None or task is None:
            return await call
        if not work.begin_call(task, self._name):
            call.close()
            raise self._switched_off(work)
        try:
            return await call
        except asyncio.CancelledError:
            if work.switch is None:
                raise
        finally:
            work.end_call(task)
        raise self._switched_off(work)

    def _switched_off(self, work: Work) -> RefusedError:
        return RefusedError("switched_off", self._name, str(work.switch))

    def _report(self, started: float, model: str, error_class: str | None, billed: Answer | Billed | None) -> None:
        self.kernel.events.publish(
            ProviderCalled(
                provider=self._name,
                model=model,
                outcome="ok" if error_class is None else "error",
                error_class=error_class,
                duration_s=self.kernel.clock.now() - started,
                input_tokens=billed.usage.input_tokens if billed else 0,
                output_tokens=billed.usage.output_tokens if billed else 0,
                cost_usd=billed.cost_usd if billed else None,
            )
        )


async def _hold(provider: Provider) -> None:
    """Closes the provider when the actor ends in a way that runs no `on_stop`, a kill above all.

    Waits without a deadline on purpose: the task belongs to the actor and is cancelled with it.
    """
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await provider.aclose()
