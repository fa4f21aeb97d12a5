"""The breakers of one node: which of them a call must ask, what they learn of it, what people order. Pure.

One panel is made by the node and read on every call; the actor that keeps it on the disk may die meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pipelines.guardrails.breaker import Breaker, BreakerState, Change, Permit, Verdict
from pipelines.guardrails.breaker_rules import MOST_NAME, BreakerError, BreakerKind, BreakerName, BreakerRules
from pipelines.guardrails.spend_window import SpendWindow

MOST_BREAKERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """A breaker went from one state to another. `who` is empty when it did so by itself; `at` is Unix time."""

    name: BreakerName
    before: BreakerState
    after: BreakerState
    why: str
    who: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class BreakerOpen:
    """No call now: `name` does not let it through. `retry_after_s` is None where a person decided so."""

    name: BreakerName
    state: BreakerState
    why: str
    retry_after_s: float | None


@dataclass(slots=True, eq=False)
class Entry:
    """One breaker with what is known about its state. `since` is Unix time; `who` and `why` of the last change."""

    name: BreakerName
    breaker: Breaker
    since: float = 0.0
    who: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class KeptBreaker:
    """A breaker as it is written down."""

    name: BreakerName
    state: BreakerState
    since: float
    who: str
    why: str


Permits = tuple[tuple[Entry, Permit], ...]
"""Leave for one call from each breaker that was asked; ends by `record`."""

NOTHING_ASKED: Final[Permits] = ()


class BreakerPanel:
    """All breakers, made when they are first asked. `now` is monotonic, `wall` gives Unix time, `notify` is told of
    each change. One thread's."""

    def __init__(
        self, rules: BreakerRules, notify: Callable[[BreakerChanged], object], wall: Callable[[], float]
    ) -> None:
        self.rules = rules
        #: Whether an earlier node's state has been put back; the desk's mark, here because it must survive the desk.
        self.restored = False
        #: What was wrong with that state, in words; empty when nothing was.
        self.damage = ""
        self._notify = notify
        self._wall = wall
        self._entries: dict[BreakerName, Entry] = {}
        self._of_calls: dict[tuple[str, str], tuple[Entry, ...]] = {}
        self._of_pipelines: dict[str, tuple[Entry, ...]] = {}
        self._spent: dict[str, SpendWindow] = {}

    # ---- calls ---------------------------------------------------------------------------------------------

    def admit_call(self, provider: str, model: str, now: float) -> Permits | BreakerOpen:
        """Asks those of a provider and its model."""
        entries = self._of_calls.get((provider, model))
        if entries is None:
            subject = f"{provider}/{model}"[:MOST_NAME]
            entries = self._of_calls[provider, model] = self._made(
                BreakerName(BreakerKind.PROVIDER, provider),
                BreakerName(BreakerKind.PROVIDER, subject),
                BreakerName(BreakerKind.PERFORMANCE, subject),
            )
        return self._admit(entries, now)

    def admit_pipeline(self, pipeline: str, now: float) -> Permits | BreakerOpen:
        """Asks those of a pipeline: cost and quality."""
        entries = self._of_pipelines.get(pipeline)
        if entries is None:
            entries = self._of_pipelines[pipeline] = self._made(
                BreakerName(BreakerKind.COST, pipeline[:MOST_NAME]),
                BreakerName(BreakerKind.QUALITY, pipeline[:MOST_NAME]),
            )
        return self._admit(entries, now)

    def record(
        self, permits: Permits, verdicts: Mapping[BreakerKind, Verdict], now: float, took_s: float = 0.0
    ) -> None:
        """Gives the permits back with what came of the call; a kind without a verdict learns nothing."""
        for entry, permit in permits:
            verdict = verdicts.get(entry.name.kind, Verdict.IGNORED)
            change = entry.breaker.record(permit, now, verdict, took_s)
            if change is not None:
                self._changed(entry, change)

    def spend(self, pipeline: str, usd: Decimal, now: float) -> Verdict:
        """Counts dollars of a pipeline; BAD when it has spent more than its bound within the window."""
        bound = self.rules.bound(pipeline)
        if bound is None:
            return Verdict.IGNORED
        subject = pipeline[:MOST_NAME]
        window = self._spent.get(subject)
        if window is None:
            window = self._spent[subject] = SpendWindow(bound.window_s)
        return Verdict.BAD if window.add(now, usd) > bound.max_usd else Verdict.GOOD

    # ---- people --------------------------------------------------------------------------------------------

    def force(self, name: BreakerName, order: str, who: str, why: str, now: float) -> Entry:
        """`open` and `close` hold until `reset`. Raises `BreakerError` for what cannot be named or ordered."""
        entry = self._entry(name)
        if entry is None:
            raise BreakerError(f"there is no breaker {name}: its kind is off in the settings, or it names no model")
        match order:
            case "open":
                change = entry.breaker.force_open(now)
            case "close":
                change = entry.breaker.force_closed(now)
            case "reset":
                change = entry.breaker.reset(now)
                if name.kind is BreakerKind.COST:
                    self._spent.pop(name.subject, None)  # else the next call, however cheap, would open it again
            case _:
                raise BreakerError(f"{order!r} is no order for a breaker; expected open, close or reset")
        if change is not None:
            self._changed(entry, change, who, why)
        return entry

    # ---- looking, keeping ----------------------------------------------------------------------------------

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All, by name."""
        return tuple(self._entries[name] for name in sorted(self._entries))

    def lets_through(self, name: BreakerName, now: float) -> bool:
        """Whether a call would be let through, without asking for leave."""
        entry = self._entries.get(name)
        if entry is None:
            return True
        return entry.breaker.state is not BreakerState.FORCED_OPEN and entry.breaker.open_left(now) == 0

    def restore(self, kept: KeptBreaker, now: float) -> None:
        """One as it stood when it was written down; one that cannot exist any more is left out."""
        entry = self._entry(kept.name)
        if entry is not None:
            entry.since, entry.who, entry.why = kept.since, kept.who, kept.why
            entry.breaker.restore(kept.state, now, max(0.0, self._wall() - kept.since))

    def _admit(self, entries: tuple[Entry, ...], now: float) -> Permits | BreakerOpen:
        given: list[tuple[Entry, Permit]] = []
        for entry in entries:
            breaker = entry.breaker
            before = breaker.state
            answer = breaker.admit(now)
            if breaker.state is not before:
                self._changed(entry, Change(before, breaker.state, "its time is over; trying"))
            if isinstance(answer, Permit):
                given.append((entry, answer))
                continue
            self.record(tuple(given), {}, now)
            return BreakerOpen(entry.name, answer.state, entry.why, answer.retry_after_s)
        return tuple(given)

    def _made(self, *names: BreakerName) -> tuple[Entry, ...]:
        # Room for all at once: one that is made must not be forgotten for the next of the same call.
        if len(self._entries) + len(names) > MOST_BREAKERS:
            self._forget_closed()
        return tuple(entry for name in names if (entry := self._entry(name)) is not None)

    def _entry(self, name: BreakerName) -> Entry | None:
        entry = self._entries.get(name)
        if entry is not None:
            return entry
        policy = self.rules.policy(name)
        if policy is None:
            return None
        if len(self._entries) >= MOST_BREAKERS:
            self._forget_closed()
        entry = self._entries[name] = Entry(name, Breaker(policy), self._wall())
        return entry

    def _forget_closed(self) -> None:
        # Names come from definitions, so there could be any number of them. Calls in flight keep their entry.
        kept = {name: entry for name, entry in self._entries.items() if entry.breaker.state is not BreakerState.CLOSED}
        self._entries = kept
        self._of_calls.clear()
        self._of_pipelines.clear()
        self._spent.clear()

    def _changed(self, entry: Entry, change: Change, who: str = "", why: str = "") -> None:
        entry.since, entry.who, entry.why = self._wall(), who, why or change.why
        self._notify(BreakerChanged(entry.name, change.before, change.after, entry.why, who, entry.since))
