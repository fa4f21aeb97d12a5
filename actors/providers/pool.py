"""The pool of one provider's connections, registered as "provider.<name>".

The pool makes the call for its caller instead of lending a connection out: a caller that dies or gives up then cannot
keep a place, because its call is cancelled and the place comes back in the same step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from actors.kernel import Actor, ActorDeadError, CallTimeout, Kernel, MailboxFull, Timer
from actors.providers.admission import Admission, Place, Waiter
from actors.providers.connection import Complete, CountTokens
from actors.providers.errors import ProviderError, TransientError
from actors.providers.events import CallQueued, CallTurnedAway, CallWaited
from actors.providers.protocol import Answer, Request
from actors.providers.rota import Rota
from actors.providers.verdicts import ANSWERED, FAULTS, NO_WORD, TIMED_OUT, verdicts_of
from pipelines.context import Window
from pipelines.guardrails.breaker import BreakerState, Verdict
from pipelines.guardrails.breaker_panel import NOTHING_ASKED, BreakerOpen, BreakerPanel, Permits
from pipelines.guardrails.breaker_rules import BreakerKind
from pipelines.guardrails.rate_limits import ProviderLimits, RateLimits, VendorLimits

# The provider's own deadline comes first and says more; the calls around it only catch what never answers.
_GRACE_S = 2.0
_LOOK_AGAIN_S = 0.05
_LOOK_UP_S = 60.0
# A longer wish of a vendor is left to those who call: their own policy says what a call is worth by then.
_LONGEST_PAUSE_S = 3600.0
_PAUSING: Final = frozenset({"rate_limited", "overloaded", "server_error"})
_COUNTED: Final[Mapping[BreakerKind, Verdict]] = {BreakerKind.PROVIDER: Verdict.GOOD}

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
    "no_connection" when none is alive, "pool_full" when too many wait, "timeout" after the request's `timeout_s`,
    "breaker_open" while a circuit breaker lets no call through, "rate_limited" when the limits let none through for
    longer than the request may wait. Does not look at kill switches or budgets. Call it on the loop.
    """
    return await _ask_pool(kernel, provider_name, Complete(request), request.timeout_s)


async def count_tokens(kernel: Kernel, provider_name: str, request: Request) -> int:
    """The provider's own count of the request's input tokens. Raises as `complete` does."""
    return await _ask_pool(kernel, provider_name, CountTokens(request), request.timeout_s)


async def window_of(kernel: Kernel, provider_name: str, model: str | None) -> Window:
    """The context window of a model, of the provider's default one if None; asks the pool, not the vendor.

    Raises `TransientError` as `complete` does, "timeout" after a minute.
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

    Who waits is served fairly by tenant, model and run (see `Admission`), within `limits` and what the vendor says of
    its own (Retry-After, rate limit headers). A call that has its turn asks the breakers of `panel`. `default_model` is
    the one that requests without a model get. A restarted pool begins with full buckets and without pauses.
    """

    expected_errors = (ProviderError,)

    def __init__(
        self,
        provider_name: str,
        connections: Sequence[str],
        max_in_flight: int = 256,
        max_waiting: int = 10_000,
        window_of: WindowOf | None = None,
        *,
        default_model: str = "",
        limits: ProviderLimits | None = None,
        panel: BreakerPanel | None = None,
    ) -> None:
        super().__init__()
        self._name = provider_name
        self._connections = tuple(connections)
        self._rota = Rota(connections, max_in_flight)
        self._limits = limits or ProviderLimits()
        self._max_waiting = max_waiting
        self._window_of = window_of
        self._default_model = default_model
        self._panel = panel
        self._timer: Timer | None = None
        self._timer_at = math.inf

    def on_start(self) -> None:
        """Fills the buckets."""
        self._admission = Admission(self._rota, RateLimits(self._limits, self.kernel.clock.now()))

    async def on_receive(self, message: Any) -> Any:
        """Takes `Complete`, `CountTokens` and `LookUpWindow`."""
        match message:
            case Complete() | CountTokens():
                return self.defer(self._serve(message))
            case LookUpWindow(model):
                return Window(model or "") if self._window_of is None else self._window_of(model)
            case _PassOn():
                self._timer, self._timer_at = None, math.inf
                self._pass_on()
                return None
            case _:
                raise TypeError(f"a provider pool takes Complete, not {type(message).__name__}")

    # ---- calls ---------------------------------------------------------------------------------------------

    async def _serve(self, asked: Complete | CountTokens) -> Answer | int:
        request = asked.request
        model = request.model or self._default_model
        clock = self.kernel.clock
        began = clock.now()
        place = self._admission.at_once(request, model, began, self._alive)
        if place is None:
            place = await self._turn(request, model, began)
        used, permits, verdicts = 0.0, NOTHING_ASKED, NO_WORD
        told: VendorLimits | None = None
        pause_s: float | None = None
        sent = clock.now()
        try:
            permits = self._permits(model, sent)
            used = place.tokens
            left = max(0.0, request.timeout_s - (sent - began))
            answer: Answer | int = await self.kernel.ref(place.connection).call(asked, timeout_s=left + _GRACE_S)
        except ActorDeadError:
            raise TransientError("connection_lost", self._name, f"{place.connection} ended during the call") from None
        except CallTimeout:
            verdicts = TIMED_OUT
            raise _late(self._name, request.timeout_s) from None
        except MailboxFull:
            raise TransientError("busy", self._name, f"{place.connection} has too many messages waiting", 0.1) from None
        except ProviderError as error:
            verdicts, told = verdicts_of(error), error.limits
            pause_s = error.retry_after_s if error.code in _PAUSING else None
            used = _used_by(error, used)
            raise
        except Exception as error:  # noqa: BLE001 - a connection's crash reaches its caller too, and must not end the pool
            kind = type(error).__name__
            raise TransientError("connection_lost", self._name, f"{place.connection} crashed with {kind}") from None
        else:
            verdicts, used = _COUNTED, 0.0
            if isinstance(answer, Answer):
                verdicts, told = ANSWERED, answer.limits
                used = answer.usage.input_tokens + answer.usage.output_tokens
            return answer
        finally:
            now = clock.now()
            if self._panel is not None:
                self._panel.record(permits, verdicts, now, now - sent)
            self._admission.end(place, used, now)
            # After the place was given back: the vendor's account is the newer one.
            if told is not None:
                self._admission.limits.heed(model, told, now)
            if pause_s is not None:
                self._admission.limits.pause(model, min(pause_s, _LONGEST_PAUSE_S), now)
            if len(self._admission):
                self._pass_on()

    def _permits(self, model: str, now: float) -> Permits:
        if self._panel is None:
            return NOTHING_ASKED
        asked = self._panel.admit_call(self._name, model, now)
        if isinstance(asked, BreakerOpen):
            raise self._turned_away("breaker_open", *said(asked))
        return asked

    # ---- turns ---------------------------------------------------------------------------------------------

    async def _turn(self, request: Request, model: str, now: float) -> Place:
        admission = self._admission
        if not any(self._alive(name) for name in self._connections):
            raise self._turned_away("no_connection", "no connection is alive at the moment", 0.1)
        if len(admission) >= self._max_waiting:
            raise self._turned_away("pool_full", "too many calls wait for a connection", 1.0)
        least = admission.least_wait_s(request, model, now)
        if least > request.timeout_s:
            why = f"its limits let no call of {model} through for {least:.1f} s, longer than this one may wait"
            raise self._turned_away("rate_limited", why, least)
        waiter = Waiter(request, model, now)
        admission.queue(waiter)
        self.kernel.events.publish(CallQueued(self._name, len(admission)))
        late = self.kernel.clock.call_later(request.timeout_s, self._expire, waiter)
        outcome = "left"
        try:
            self._pass_on()
            place = await waiter.turn
            outcome = "served"
            return place
        except BaseException:
            self._leave(waiter)
            raise
        finally:
            late.cancel()
            waited = self.kernel.clock.now() - now
            self.kernel.events.publish(CallWaited(self._name, outcome, waited, len(admission)))

    def _expire(self, waiter: Waiter) -> None:
        if not waiter.turn.done():
            waiter.turn.set_exception(_late(self._name, waiter.request.timeout_s))

    def _leave(self, waiter: Waiter) -> None:
        """Takes a waiter out of the queue; a place it was given in the same moment goes to the next."""
        turn = waiter.turn
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self._admission.end(turn.result(), 0.0, self.kernel.clock.now())
        else:
            self._admission.leave(waiter)
        self._pass_on()

    def _pass_on(self) -> None:
        now = self.kernel.clock.now()
        wait = self._admission.serve(now, self._alive)
        if not len(self._admission):
            return
        if not all(self._alive(name) for name in self._connections):
            # One that died with all its calls frees nothing when its successor starts, so somebody has to look.
            wait = min(wait, _LOOK_AGAIN_S)
        self._look_in(wait, now)

    def _look_in(self, seconds: float, now: float) -> None:
        if now + seconds >= self._timer_at or seconds == math.inf:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self.tell_after(seconds, _PassOn()), now + seconds

    def _turned_away(self, code: str, message: str, retry_after_s: float | None) -> TransientError:
        self.kernel.events.publish(CallTurnedAway(self._name, code))
        return TransientError(code, self._name, message, retry_after_s)

    def _alive(self, name: str) -> bool:
        return self.kernel.registry.whereis(name) is not None


def said(refused: BreakerOpen) -> tuple[str, float | None]:
    """A breaker's refusal in words, and when asking again makes sense."""
    how = "was opened by hand" if refused.state is BreakerState.FORCED_OPEN else f"is {refused.state.replace('_', '-')}"
    return f"the circuit breaker {refused.name} {how} ({refused.why or 'no reason given'})", refused.retry_after_s


def _used_by(error: ProviderError, most: float) -> float:
    """Tokens of a call that failed: what the vendor says, else nothing where it was not worked on."""
    if error.billed is not None:
        return error.billed.usage.input_tokens + error.billed.usage.output_tokens
    return most if error.code in FAULTS else 0.0


def _late(provider_name: str, timeout_s: float) -> TransientError:
    return TransientError("timeout", provider_name, f"no answer within {timeout_s:g} s")
