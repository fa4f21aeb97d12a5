"""The pool of one provider's connections, registered as "provider.<name>".

The pool makes the call for its caller instead of lending a connection out: a caller that dies or gives up then cannot
keep a place, because its call is cancelled and the place comes back in the same step.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from actors.kernel import Actor, ActorDeadError, CallTimeout, Kernel, MailboxFull, Timer
from actors.providers.connection import Complete, CountTokens
from actors.providers.errors import ProviderError, TransientError
from actors.providers.protocol import Answer, Request
from actors.providers.rota import Rota
from pipelines.context import Window

# The provider's own deadline comes first and says more; the calls around it only catch what never answers.
_GRACE_S = 2.0
_LOOK_AGAIN_S = 0.05
_LOOK_UP_S = 10.0

WindowOf = Callable[[str | None], Window]


def pool_name(provider_name: str) -> str:
    """The registered name of a provider's pool."""
    return f"provider.{provider_name}"


def connection_name(provider_name: str, number: int) -> str:
    """The registered name of a provider's connection; numbers start at 1."""
    return f"connection.{provider_name}.{number}"


async def complete(kernel: Kernel, provider_name: str, request: Request) -> Answer:
    """Gets an answer from a living connection of that provider, the next in turn; waits while all are busy.

    Raises `ProviderError` only: `TransientError` "connection_lost" when the connection or the pool dies meanwhile,
    "no_connection" when none is alive, "pool_full" when too many wait, "timeout" after the request's `timeout_s`.
    Does not look at kill switches or budgets. Call it on the loop.
    """
    return await _ask_pool(kernel, provider_name, Complete(request), request.timeout_s)


async def count_tokens(kernel: Kernel, provider_name: str, request: Request) -> int:
    """The provider's own count of the request's input tokens. Raises as `complete` does."""
    return await _ask_pool(kernel, provider_name, CountTokens(request), request.timeout_s)


async def window_of(kernel: Kernel, provider_name: str, model: str | None) -> Window:
    """The context window of a model, of the provider's default one if None; asks the pool, not the vendor.

    Raises `TransientError` as `complete` does, "timeout" after 10 s.
    """
    return await _ask_pool(kernel, provider_name, LookUpWindow(model), _LOOK_UP_S)


async def _ask_pool(kernel: Kernel, provider_name: str, message: Any, timeout_s: float) -> Any:
    try:
        return await kernel.ref(pool_name(provider_name)).call(message, timeout_s=timeout_s + 2 * _GRACE_S)
    except ActorDeadError:
        raise TransientError("connection_lost", provider_name, "the provider's pool is not running", 0.1) from None
    except CallTimeout:
        raise _late(provider_name, timeout_s) from None
    except MailboxFull:
        raise TransientError("pool_full", provider_name, "too many calls wait for a connection", 1.0) from None


@dataclass(frozen=True, slots=True)
class LookUpWindow:
    """Asks a pool what a model of its provider holds -> `Window`; None is the provider's default model."""

    model: str | None


@dataclass(frozen=True, slots=True)
class _PassOn:
    """The pool's own reminder to look for places again."""


class ProviderPool(Actor):
    """Answers `Complete` and `CountTokens` through its connections, in turn, at most `max_in_flight` calls on each and
    `max_waiting` callers in the queue; `LookUpWindow` by itself, as `window_of` says. A provider error fails its caller
    only. Connections are reached by name, so a restarted one is used again at once; the pool never needs a restart for
    them.
    """

    expected_errors = (ProviderError,)

    def __init__(
        self,
        provider_name: str,
        connections: Sequence[str],
        max_in_flight: int = 256,
        max_waiting: int = 10_000,
        window_of: WindowOf | None = None,
    ) -> None:
        super().__init__()
        self._name = provider_name
        self._rota = Rota(connections, max_in_flight)
        self._max_waiting = max_waiting
        self._window_of = window_of
        self._waiting: deque[asyncio.Future[str]] = deque()
        self._timer: Timer | None = None

    async def on_receive(self, message: Any) -> Any:
        """Takes `Complete`, `CountTokens` and `LookUpWindow`."""
        match message:
            case Complete() | CountTokens():
                return self.defer(self._serve(message))
            case LookUpWindow(model):
                return Window(model or "") if self._window_of is None else self._window_of(model)
            case _PassOn():
                self._timer = None
                self._pass_on()
                return None
            case _:
                raise TypeError(f"a provider pool takes Complete, not {type(message).__name__}")

    async def _serve(self, asked: Complete | CountTokens) -> Answer | int:
        request = asked.request
        began = self.kernel.clock.now()
        connection = await self._take(request)
        try:
            left = max(0.0, request.timeout_s - (self.kernel.clock.now() - began))
            return await self.kernel.ref(connection).call(asked, timeout_s=left + _GRACE_S)
        except ActorDeadError:
            raise TransientError("connection_lost", self._name, f"{connection} ended during the call") from None
        except CallTimeout:
            raise _late(self._name, request.timeout_s) from None
        except MailboxFull:
            raise TransientError("busy", self._name, f"{connection} has too many messages waiting", 0.1) from None
        except ProviderError:
            raise
        except Exception as error:  # noqa: BLE001 - a connection's crash reaches its caller too, and must not end the pool
            kind = type(error).__name__
            raise TransientError("connection_lost", self._name, f"{connection} crashed with {kind}") from None
        finally:
            self._rota.give_back(connection)
            self._pass_on()

    async def _take(self, request: Request) -> str:
        # Those who wait already come first.
        free = None if self._waiting else self._rota.take(self._alive)
        if free is not None:
            return free
        if not any(self._alive(name) for name in self._rota.in_flight):
            raise TransientError("no_connection", self._name, "no connection is alive at the moment", 0.1)
        if len(self._waiting) >= self._max_waiting:
            raise TransientError("pool_full", self._name, "too many calls wait for a connection", 1.0)
        turn: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._look_again()
        try:
            async with asyncio.timeout(request.timeout_s):
                return await turn
        except TimeoutError:
            self._leave(turn)
            raise _late(self._name, request.timeout_s) from None
        except BaseException:
            self._leave(turn)
            raise

    def _leave(self, turn: asyncio.Future[str]) -> None:
        """Takes a waiter out of the queue; a place it was given in the same moment goes to the next."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        if turn.done() and not turn.cancelled():
            self._rota.give_back(turn.result())
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            if self._waiting[0].done():
                self._waiting.popleft()
                continue
            free = self._rota.take(self._alive)
            if free is None:
                self._look_again()
                return
            self._waiting.popleft().set_result(free)

    def _look_again(self) -> None:
        # A connection that died with all its calls frees nothing when its successor starts, so somebody has to look.
        if self._timer is None:
            self._timer = self.tell_after(_LOOK_AGAIN_S, _PassOn())

    def _alive(self, name: str) -> bool:
        return self.kernel.registry.whereis(name) is not None


def _late(provider_name: str, timeout_s: float) -> TransientError:
    return TransientError("timeout", provider_name, f"no answer within {timeout_s:g} s")
