"""What the BreakerDesk takes, answers and publishes. A change of state itself is `BreakerChanged` of the panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.guardrails.breaker_rules import BreakerError

BreakerOrder = Literal["open", "close", "reset"]


class BreakerUnauditedError(BreakerError):
    """The order could not be noted in the audit log, so the breaker stays as it is."""

    code = "breaker_unaudited"


@dataclass(frozen=True, slots=True)
class BreakerStates:
    """Asks for `BreakersNow`."""


@dataclass(frozen=True, slots=True)
class OrderBreaker:
    """A person's order -> `BreakerFacts` of the breaker. `open` and `close` hold until `reset`, over restarts, too.

    Fails with `BreakerError` for a name or order that cannot be, `BreakerUnauditedError`. In force at once; the reply
    comes when it is saved, or says in `unsaved` why it could not be within 5 s: then a restart before that forgets it.
    """

    order: BreakerOrder
    name: str
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class BreakerFacts:
    """One breaker as it stands. `since` is Unix time, `retry_after_s` is there while it is open, the three figures are
    those of its window (of its trial, when half-open). `unsaved` is for the answer to an order."""

    name: str
    kind: str
    subject: str
    state: str
    since: float
    who: str
    why: str
    calls: int
    failed: int
    slow: int
    retry_after_s: float | None
    unsaved: str = ""


@dataclass(frozen=True, slots=True)
class BreakersNow:
    """All breakers that were asked yet or that somebody has set, and what is wrong with keeping them."""

    breakers: tuple[BreakerFacts, ...]
    saved: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BreakerStateUnsaved:
    """Published when the state could not be written; tried again at each change and every few seconds."""

    problem: str


@dataclass(frozen=True, slots=True)
class BreakerStateUnreadable:
    """Published when the saved state could not be understood; it lies in `moved_to` now, and all begin closed."""

    path: str
    problem: str
    moved_to: str
