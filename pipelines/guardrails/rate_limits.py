"""Rate and concurrency limits of one provider: for the provider, for each model, for each tenant.

A call must get past three gates. Each holds its own buckets (requests and tokens a minute), its number of calls in
flight, the pause that the vendor asked for, and the vendor's own account of what is left. Pure; one event loop's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pipelines.guardrails.token_bucket import TokenBucket, amount_per_minute, per_minute

EVERYBODY: Final = "*"
"""Under this name in the limits of models or tenants: each one that is not named."""
MOST_GATES: Final = 1_000
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What may be used: calls and tokens within any minute, calls at a time. None: as much as there is."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None

    @property
    def is_none(self) -> bool:
        """Whether nothing is limited."""
        return self.requests_per_minute is None and self.tokens_per_minute is None and self.concurrent is None


def _no_limits() -> Mapping[str, RateLimit]:
    return {}


@dataclass(frozen=True, slots=True)
class ProviderLimits:
    """All limits of one provider; models and tenants by name, `*` for each of the others."""

    whole: RateLimit = RateLimit()
    models: Mapping[str, RateLimit] = field(default_factory=_no_limits)
    tenants: Mapping[str, RateLimit] = field(default_factory=_no_limits)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a vendor says is left of one of its limits: `remaining` of `limit`, all of it again in `reset_s` seconds."""

    limit: int
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class VendorLimits:
    """The account that came with an answer; None for what the vendor does not tell."""

    requests: Allowance | None = None
    tokens: Allowance | None = None


class Gate:
    """The limits of one subject. Every `take` is to be followed by one `end`."""

    __slots__ = ("_concurrent", "_paused_until", "_requests", "_tokens", "_vendor_requests", "_vendor_tokens", "out")

    def __init__(self, limit: RateLimit, now: float) -> None:
        self._requests = None if limit.requests_per_minute is None else per_minute(limit.requests_per_minute, now)
        self._tokens = None if limit.tokens_per_minute is None else amount_per_minute(limit.tokens_per_minute, now)
        self._concurrent = math.inf if limit.concurrent is None else limit.concurrent
        self._vendor_requests: TokenBucket | None = None
        self._vendor_tokens: TokenBucket | None = None
        self._paused_until = -math.inf
        self.out = 0

    def delay(self, tokens: float, now: float) -> float:
        """Seconds until a call of so many tokens may go, 0 for now, infinite for "when another one has ended"."""
        if self.out >= self._concurrent:
            return math.inf
        wait = max(0.0, self._paused_until - now)
        for bucket, amount in (
            (self._requests, 1.0),
            (self._vendor_requests, 1.0),
            (self._tokens, tokens),
            (self._vendor_tokens, tokens),
        ):
            if bucket is not None:
                wait = max(wait, bucket.delay(amount, now))
        return wait

    @property
    def counts_tokens(self) -> bool:
        """Whether it matters how large a call is."""
        return self._tokens is not None or self._vendor_tokens is not None

    def pause_left(self, now: float) -> float:
        """Seconds that the vendor's wish to be left alone still holds."""
        return max(0.0, self._paused_until - now)

    def take(self, tokens: float, now: float) -> None:
        """One call goes."""
        self.out += 1
        for bucket, amount in (
            (self._requests, 1.0),
            (self._vendor_requests, 1.0),
            (self._tokens, tokens),
            (self._vendor_tokens, tokens),
        ):
            if bucket is not None:
                bucket.take(amount, now)

    def end(self, taken: float, used: float, now: float) -> None:
        """The call has ended and used this many tokens of those that it took (more are a debt)."""
        self.out -= 1
        if taken != used:
            for bucket in (self._tokens, self._vendor_tokens):
                if bucket is not None:
                    bucket.give_back(taken - used, now)

    def pause(self, seconds: float, now: float) -> None:
        """Nothing goes for so long. A pause that lasts longer already stays."""
        self._paused_until = max(self._paused_until, now + seconds)

    def heed(self, told: VendorLimits, now: float) -> None:
        """Takes the vendor's account over. Calls that are out may not be in it yet, so at first they are taken off."""
        self._vendor_requests = _heeded(self._vendor_requests, told.requests, self.out, now)
        self._vendor_tokens = _heeded(self._vendor_tokens, told.tokens, 0, now)

    def is_idle(self, now: float) -> bool:
        """Whether it may be forgotten: everything is as in a new one."""
        buckets = (self._requests, self._tokens, self._vendor_requests, self._vendor_tokens)
        full = all(bucket is None or bucket.level(now) >= bucket.capacity for bucket in buckets)
        return self.out == 0 and full and self._paused_until <= now


class RateLimits:
    """The gates of one provider. `now` is in seconds of a monotonic clock."""

    def __init__(self, limits: ProviderLimits, now: float = 0.0) -> None:
        self._limits = limits
        self.whole = Gate(limits.whole, now)
        self._models: dict[str, Gate] = {}
        self._tenants: dict[str, Gate] = {}
        self._limited = not limits.whole.is_none

    def model(self, name: str, now: float) -> Gate | None:
        """The gate of a model; None where nothing limits it."""
        gate = self._models.get(name)
        return gate if gate is not None else _made(self._models, self._limits.models, name, now)

    def tenant(self, name: str, now: float) -> Gate | None:
        """The gate of a tenant; None where nothing limits it."""
        gate = self._tenants.get(name)
        return gate if gate is not None else _made(self._tenants, self._limits.tenants, name, now)

    def gates(self, tenant: str, model: str, now: float) -> tuple[Gate, ...]:
        """Every gate that a call must pass; none for one that nothing limits."""
        own = (self.model(model, now), self.tenant(tenant, now))
        limited = tuple(gate for gate in own if gate is not None)
        return (self.whole, *limited) if self._limited else limited

    def pause(self, model: str, seconds: float, now: float) -> None:
        """The vendor wants no call of this model for so long."""
        self._gate_of_vendor(model, now).pause(seconds, now)

    def heed(self, model: str, told: VendorLimits, now: float) -> None:
        """The vendor has told what is left for this model."""
        self._gate_of_vendor(model, now).heed(told, now)

    def _gate_of_vendor(self, model: str, now: float) -> Gate:
        gate = self.model(model, now)
        if gate is None:
            gate = self._models[model] = Gate(RateLimit(), now)
            _forget_idle(self._models, now)
        return gate


def _made(gates: dict[str, Gate], limits: Mapping[str, RateLimit], name: str, now: float) -> Gate | None:
    if not limits:
        return None
    limit = limits.get(name) or limits.get(EVERYBODY)
    if limit is None or limit.is_none:
        return None
    gate = gates[name] = Gate(limit, now)
    _forget_idle(gates, now)
    return gate


def _forget_idle(gates: dict[str, Gate], now: float) -> None:
    # Names come from requests, so there could be any number of them.
    if len(gates) > MOST_GATES:
        newest = next(reversed(gates))
        for name in [name for name, gate in gates.items() if name != newest and gate.is_idle(now)]:
            del gates[name]


def _heeded(known: TokenBucket | None, told: Allowance | None, out: int, now: float) -> TokenBucket | None:
    if told is None or told.limit < 1:
        return known
    remaining = max(0, min(told.remaining, told.limit))
    # All of it again at the reset: so the vendor refills this much a second.
    used = told.limit - remaining
    rate = used / told.reset_s if used and told.reset_s > 0 else told.limit / _MINUTE_S
    if known is None:
        return TokenBucket(told.limit, rate, now, max(0, remaining - out))
    known.level(now)
    known.capacity = told.limit
    known.per_second = rate
    known.lower(remaining, now)
    return known
