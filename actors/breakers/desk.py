"""The BreakerDesk ("breakers"): shows the node's breakers, takes people's orders, keeps the state over restarts.

The panel decides on every call without it and outlives it: a desk that is being restarted leaves the breakers as they
are. An open breaker is written down with the moment it opened, so after a restart of the node it stays open for
the rest of its time; one that a person has set stays so until it is reset.

Failure: a state that cannot be saved is published and tried again; one that cannot be read is moved aside, published,
and shown among the problems: breakers then begin closed, because what they guard against shows again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from actors.breakers.audit import Audit, unaudited
from actors.breakers.files import BreakerFile
from actors.breakers.messages import (
    BreakerFacts,
    BreakersNow,
    BreakerStates,
    BreakerStateUnreadable,
    BreakerStateUnsaved,
    OrderBreaker,
)
from actors.kernel import Actor, ActorDeadError, MailboxFull
from pipelines.guardrails.breaker import BreakerState
from pipelines.guardrails.breaker_panel import BreakerChanged, BreakerPanel, Entry, KeptBreaker
from pipelines.guardrails.breaker_rules import BreakerError, BreakerName, parse_name
from pipelines.guardrails.breaker_state import BreakerStateError, to_keep

SAVE_WAIT_S = 5.0


class _Save:
    """Something has changed, or the last save has failed."""


class BreakerDesk(Actor):
    """Answers `BreakerStates` and `OrderBreaker`. `look_s` is how often an unsaved state is tried again; `audit` is
    asked before a person's order is in force."""

    expected_errors = (BreakerError,)

    def __init__(
        self, state_dir: str | Path, panel: BreakerPanel, *, look_s: float = 5.0, audit: Audit = unaudited
    ) -> None:
        super().__init__()
        self._file = BreakerFile(state_dir)
        self._panel = panel
        self._look_s = look_s
        self._audit = audit
        self._saved: tuple[KeptBreaker, ...] = ()
        self._saving: asyncio.Task[Any] | None = None
        self._problem = ""
        self._leave: Callable[[], None] | None = None

    async def on_start(self) -> None:
        """Puts back what an earlier node left. An earlier desk's panel knows better than its file."""
        try:
            kept = await asyncio.to_thread(self._file.load, self._file.turn())
        except (OSError, BreakerStateError) as error:
            kept = ()
            await self._set_aside(error)
        self._saved = kept
        if not self._panel.restored:
            self._panel.restored = True
            now = self.kernel.clock.now()
            for each in kept:
                self._panel.restore(each, now)
        self._leave = self.kernel.events.subscribe(self._heard, BreakerChanged)
        self.ref.tell(_Save())  # what changed while no desk was there to hear of it
        self.tell_every(self._look_s, _Save())

    async def on_stop(self) -> None:
        """Writes down what is not yet."""
        if self._leave is not None:
            self._leave()
        await self._wait_for_disk()  # or the older state that it writes could be the last
        kept = to_keep(self._panel)
        if kept != self._saved:
            with contextlib.suppress(OSError):  # reported already, and there is no later moment to try again
                await asyncio.to_thread(self._file.save, kept, self._file.turn())

    def on_receive(self, message: Any) -> Any:
        """See the messages."""
        match message:
            case BreakerStates():
                problems = tuple(each for each in (self._panel.damage, self._problem) if each)
                facts = tuple(self._facts(entry) for entry in self._panel.entries)
                return BreakersNow(facts, to_keep(self._panel) == self._saved, problems)
            case OrderBreaker():
                return self.defer(self._obey(message))
            case _Save():
                self._start_saving()
                return None
            case _:
                raise TypeError(f"a BreakerDesk does not take {type(message).__name__}")

    async def _obey(self, order: OrderBreaker) -> BreakerFacts:
        name = parse_name(order.name)
        await self._audit(order)
        entry = self._panel.force(name, order.order, order.who, order.reason, self.kernel.clock.now())
        unsaved = await self._kept(name)
        return replace(self._facts(entry), unsaved=unsaved)

    def _facts(self, entry: Entry) -> BreakerFacts:
        now = self.kernel.clock.now()
        breaker, tally = entry.breaker, entry.breaker.tally(now)
        return BreakerFacts(
            name=str(entry.name),
            kind=str(entry.name.kind),
            subject=entry.name.subject,
            state=str(breaker.state),
            since=entry.since,
            who=entry.who,
            why=entry.why,
            calls=tally.calls,
            failed=tally.failed,
            slow=tally.slow,
            retry_after_s=round(breaker.open_left(now), 3) if breaker.state is BreakerState.OPEN else None,
        )

    # ---- the disk ------------------------------------------------------------------------------------------

    def _heard(self, event: object) -> None:
        if isinstance(event, BreakerChanged):
            with contextlib.suppress(ActorDeadError, MailboxFull):  # the next look saves it
                self.ref.tell(_Save())

    def _start_saving(self) -> None:
        if (self._saving is None or self._saving.done()) and to_keep(self._panel) != self._saved:
            self._saving = self.spawn_task(self._save())

    async def _wait_for_disk(self) -> None:
        if self._saving is not None and not self._saving.done():
            await asyncio.wait({self._saving}, timeout=SAVE_WAIT_S)

    async def _kept(self, name: BreakerName) -> str:
        """Empty as soon as the disk has this breaker as it is; else why it has not."""
        for _ in range(2):  # a save that was under way may fail, or have begun with what was before
            self._start_saving()
            await self._wait_for_disk()
            if _of(name, self._saved) == _of(name, to_keep(self._panel)):
                return ""
            if self._saving is not None and not self._saving.done():
                break
        return self._problem or f"{self._file.path} was not written within {SAVE_WAIT_S:g} s"

    async def _save(self) -> None:
        while (kept := to_keep(self._panel)) != self._saved:
            try:
                await asyncio.to_thread(self._file.save, kept, self._file.turn())
            except OSError as error:
                problem = f"{self._file.path} cannot be written: {error.strerror or error}"
                if problem != self._problem:
                    self._problem = problem
                    self.kernel.events.publish(BreakerStateUnsaved(problem))
                return
            self._saved, self._problem = kept, ""

    async def _set_aside(self, error: Exception) -> None:
        aside = self._file.path
        with contextlib.suppress(OSError):
            aside = await asyncio.to_thread(self._file.move_aside, self._file.turn())
        self._panel.damage = (
            f"{self._file.path} could not be read ({error}); it is kept as {aside}, all breakers began closed"
        )
        self.kernel.events.publish(BreakerStateUnreadable(str(self._file.path), str(error), str(aside)))


def _of(name: BreakerName, kept: Iterable[KeptBreaker]) -> KeptBreaker | None:
    return next((each for each in kept if each.name == name), None)
