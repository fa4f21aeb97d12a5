"""A circuit breaker as a state machine over calls and moments: no clock, no actor, no I/O of its own.

The states, the two kinds of window and the thresholds are those of resilience4j
(https://resilience4j.readme.io/docs/circuitbreaker): closed -> open when enough of the latest calls failed or were
slow; open -> half-open after `open_s`; half-open lets `half_open_calls` through and decides by them alone. A person may
force it open or closed, which holds until a person resets it.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Literal

from pipelines.guardrails.sliding_window import CountWindow, Tally, TimeWindow, Window


class BreakerState(enum.StrEnum):
    """How a breaker stands. The forced ones are a person's."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    FORCED_CLOSED = "forced_closed"


class Verdict(enum.StrEnum):
    """What a call says about the thing it called.

    An ignored one (a mistake of the caller, a cancelled call) says nothing.
    """

    GOOD = "good"
    BAD = "bad"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens and how it closes again. Rates from 0 to 1, times in seconds.

    `window`: the latest `size` calls ("count") or those of the latest `size` seconds ("time"); nothing is decided
    before `min_calls` of them. A call of `slow_s` or longer is slow; a share of `slow_rate` of those opens it, too.
    """

    window: Literal["count", "time"] = "count"
    size: float = 50
    min_calls: int = 10
    failure_rate: float = 0.5
    slow_s: float = math.inf
    slow_rate: float = 1.0
    open_s: float = 30.0
    half_open_calls: int = 3

    def __post_init__(self) -> None:
        if self.size < 1 or self.min_calls < 1 or self.half_open_calls < 1:
            raise ValueError("size, min_calls and half_open_calls must be at least 1")
        if not (0 < self.failure_rate <= 1 and 0 < self.slow_rate <= 1):
            raise ValueError("failure_rate and slow_rate must be more than 0 and at most 1")
        if self.open_s < 0 or self.slow_s <= 0:
            raise ValueError("open_s must not be negative and slow_s must be more than 0")
        if self.window == "count" and self.min_calls > self.size:
            raise ValueError("min_calls must not be more than the window holds")


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call; to be given back with `record`. One of an earlier period counts no more."""

    period: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """No call now. `retry_after_s`: when asking again makes sense; None: when a person has decided otherwise."""

    state: BreakerState
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """The breaker went from one state to another, and why, in words."""

    before: BreakerState
    after: BreakerState
    why: str


class Breaker:
    """One breaker. `now` is in seconds of a monotonic clock and never goes backwards.

    A caller that holds a `Permit` must end it by `record` (a cancelled call is `IGNORED`), or half-open stays short of
    a place until `open_s` have gone by once more: then the places that were never given back are free again.
    """

    def __init__(self, policy: BreakerPolicy) -> None:
        self.policy = policy
        self._state = BreakerState.CLOSED
        self._period = 0
        self._permit = Permit(0)
        self._since = 0.0
        self._window: Window = _window(policy)
        self._trial = Tally()
        self._out = 0  # permits of half-open that have not come back

    @property
    def state(self) -> BreakerState:
        """How it stood at the last call of a method."""
        return self._state

    def tally(self, now: float) -> Tally:
        """What it has seen: in half-open the trial calls, else the window."""
        return self._trial if self._state is BreakerState.HALF_OPEN else self._window.tally(now)

    def open_left(self, now: float) -> float:
        """Seconds until an open one lets a trial call through; 0 in every other state."""
        return max(0.0, self._since + self.policy.open_s - now) if self._state is BreakerState.OPEN else 0.0

    def admit(self, now: float) -> Permit | Refusal:
        """Leave for one call, or none. Open becomes half-open here once its time has come."""
        match self._state:
            case BreakerState.CLOSED | BreakerState.FORCED_CLOSED:
                return self._permit
            case BreakerState.FORCED_OPEN:
                return Refusal(self._state, None)
            case BreakerState.OPEN:
                left = self._since + self.policy.open_s - now
                if left > 0:
                    return Refusal(self._state, left)
                self._enter(BreakerState.HALF_OPEN, now)
            case BreakerState.HALF_OPEN:
                if now - self._since >= max(self.policy.open_s, 1.0) and self._out:
                    self._enter(BreakerState.HALF_OPEN, now)
        if self._out + self._trial.calls >= self.policy.half_open_calls:
            return Refusal(self._state, max(0.0, self._since + max(self.policy.open_s, 1.0) - now))
        self._out += 1
        return self._permit

    def record(self, permit: Permit, now: float, verdict: Verdict, duration_s: float = 0.0) -> Change | None:
        """Counts what came of a call; the change of state that follows, if one does."""
        if permit.period != self._period or self._state in (BreakerState.OPEN, BreakerState.FORCED_OPEN):
            return None
        half_open = self._state is BreakerState.HALF_OPEN
        if half_open:
            self._out -= 1
        if verdict is Verdict.IGNORED:
            return None
        failed, slow = verdict is Verdict.BAD, duration_s >= self.policy.slow_s
        if not half_open:
            self._window.add(now, failed=failed, slow=slow)
            if self._state is BreakerState.FORCED_CLOSED or self._window.is_clean:
                return None  # the usual case: nothing is wrong, so there is nothing to weigh
            tally = self._window.tally(now)
            return self._judge(tally, now) if tally.calls >= self.policy.min_calls else None
        trial = self._trial
        self._trial = Tally(trial.calls + 1, trial.failed + failed, trial.slow + slow)
        if self._trial.calls < self.policy.half_open_calls:
            return None
        return self._judge(self._trial, now) or self._change(BreakerState.CLOSED, now, "the trial calls went well")

    def force_open(self, now: float) -> Change | None:
        """Lets nothing through until `reset`."""
        return self._change(BreakerState.FORCED_OPEN, now, "forced open")

    def force_closed(self, now: float) -> Change | None:
        """Lets everything through until `reset`; goes on counting."""
        return self._change(BreakerState.FORCED_CLOSED, now, "forced closed")

    def reset(self, now: float) -> Change | None:
        """Closed, with nothing counted."""
        self._window.clear()
        return self._change(BreakerState.CLOSED, now, "reset")

    def restore(self, state: BreakerState, now: float, open_for_s: float = 0.0) -> None:
        """As it stood before a restart; an open one has been open for `open_for_s` already. A trial begins anew."""
        self._enter(BreakerState.OPEN if state is BreakerState.HALF_OPEN else state, now)
        self._since = now - (math.inf if state is BreakerState.HALF_OPEN else max(0.0, open_for_s))

    def _judge(self, tally: Tally, now: float) -> Change | None:
        policy = self.policy
        if tally.failure_rate >= policy.failure_rate:
            why = f"{tally.failed} of {tally.calls} calls failed (limit {policy.failure_rate:.0%})"
            return self._change(BreakerState.OPEN, now, why)
        if policy.slow_s < math.inf and tally.slow_rate >= policy.slow_rate:
            why = (
                f"{tally.slow} of {tally.calls} calls took {policy.slow_s:g} s or longer (limit {policy.slow_rate:.0%})"
            )
            return self._change(BreakerState.OPEN, now, why)
        return None

    def _change(self, state: BreakerState, now: float, why: str) -> Change | None:
        before = self._state
        if before is state:
            return None
        self._enter(state, now)
        return Change(before, state, why)

    def _enter(self, state: BreakerState, now: float) -> None:
        self._state = state
        self._since = now
        self._period += 1
        self._permit = Permit(self._period)
        self._trial = Tally()
        self._out = 0
        if state is BreakerState.CLOSED:
            self._window.clear()


def _window(policy: BreakerPolicy) -> Window:
    return CountWindow(int(policy.size)) if policy.window == "count" else TimeWindow(policy.size)
