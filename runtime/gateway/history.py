"""Keeps the progress events of recent runs, so that a client that comes late or reads slowly misses little.

Clients hold a position (the seq of the last event they got) instead of a queue of their own: however slow a client is,
it costs the node no memory. What has been let go by then shows as a gap, which the stream tells.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from actors.kernel import Kernel
from actors.runs import RunEvent

EVENTS_PER_RUN = 4_096
EVENTS_IN_ALL = 100_000


@dataclass(slots=True)
class Track:
    """One run's events in the order of their seq, and who waits for more."""

    events: deque[RunEvent] = field(default_factory=lambda: deque[RunEvent](maxlen=EVENTS_PER_RUN))
    waiting: set[asyncio.Event] = field(default_factory=set[asyncio.Event])

    @property
    def last_seq(self) -> int:
        """The newest event's seq, or 0."""
        return self.events[-1].seq if self.events else 0


class EventHistory:
    """Subscribes to the kernel's events between `open` and `close`. Loop thread only."""

    def __init__(self, *, events_in_all: int = EVENTS_IN_ALL) -> None:
        self._tracks: OrderedDict[str, Track] = OrderedDict()
        self._total = 0
        self._limit = events_in_all
        self._unsubscribe: Callable[[], None] | None = None

    def open(self, kernel: Kernel) -> None:
        """Begins to listen."""
        self._unsubscribe = kernel.events.subscribe(self.on_event, RunEvent)

    def close(self) -> None:
        """Stops listening and wakes everybody who waits."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for track in self._tracks.values():
            _wake(track)

    def on_event(self, event: object) -> None:
        """Takes a `RunEvent`; any other event is not ours."""
        if isinstance(event, RunEvent):
            self._keep(event.run_id, (event,))

    def add_older(self, run_id: str, events: Iterable[RunEvent]) -> None:
        """Puts what another keeper remembers before what is known here; what is known already is left out."""
        track = self._tracks.get(run_id)
        first = track.events[0].seq if track is not None and track.events else None
        older = [event for event in events if first is None or event.seq < first]
        if older:
            known = list(track.events) if track is not None else []
            if track is not None:
                self._total -= len(track.events)
                track.events.clear()
            self._keep(run_id, [*older, *known])

    def begins_at_first(self, run_id: str) -> bool:
        """Whether the run's first event is still here."""
        track = self._tracks.get(run_id)
        return track is not None and bool(track.events) and track.events[0].seq <= 1

    def since(self, run_id: str, seq: int) -> list[RunEvent]:
        """The kept events of a run after `seq` (0: all), oldest first."""
        track = self._tracks.get(run_id)
        if track is None or track.last_seq <= seq:
            return []
        newer: list[RunEvent] = []
        for event in reversed(track.events):
            if event.seq <= seq:
                break
            newer.append(event)
        newer.reverse()
        return newer

    async def wait(self, run_id: str, seq: int, timeout_s: float) -> None:
        """Returns when there is something after `seq`, when the history closes, or after `timeout_s`."""
        if self.since(run_id, seq):
            return
        track = self._tracks.setdefault(run_id, Track())
        woken = asyncio.Event()
        track.waiting.add(woken)
        try:
            async with asyncio.timeout(timeout_s):
                await woken.wait()
        except TimeoutError:
            return
        finally:
            track.waiting.discard(woken)
            if not track.events and not track.waiting and self._tracks.get(run_id) is track:
                del self._tracks[run_id]  # asked for, but nothing ever came

    def _keep(self, run_id: str, events: Iterable[RunEvent]) -> None:
        track = self._tracks.get(run_id)
        if track is None:
            track = self._tracks[run_id] = Track()
        kept = track.events
        for event in events:
            if not kept or event.seq > kept[-1].seq:
                self._total += len(kept) < EVENTS_PER_RUN
                kept.append(event)
        self._tracks.move_to_end(run_id)
        if track.waiting:
            _wake(track)
        while self._total > self._limit and len(self._tracks) > 1:
            _, oldest = self._tracks.popitem(last=False)
            self._total -= len(oldest.events)
            _wake(oldest)


def _wake(track: Track) -> None:
    for waiter in track.waiting:
        waiter.set()
