"""Keeps the progress events of recent runs, so that a client that comes late or reads slowly misses little.

Clients hold a position in this history instead of a queue of their own: however slow a client is, it costs the node
no memory. What has been let go by then shows as a gap, which the stream tells.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from actors.runs import RunEvent

from actors.kernel import Kernel

EVENTS_PER_RUN = 4_096
EVENTS_IN_ALL = 100_000
TERMINAL = frozenset({"run_succeeded", "run_failed", "run_cancelled"})


@dataclass(slots=True)
class Track:
    """One run's events, each with its number here (seq may begin again after a crash), and who waits for more."""

    events: deque[tuple[int, RunEvent]] = field(
        default_factory=lambda: deque[tuple[int, RunEvent]](maxlen=EVENTS_PER_RUN)
    )
    count: int = 0
    waiting: set[asyncio.Event] = field(default_factory=set[asyncio.Event])


class EventHistory:
    """Subscribes to the kernel's events between `open` and `close`. Loop thread only."""

    def __init__(self, *, events_in_all: int = EVENTS_IN_ALL) -> None:
        self._tracks: OrderedDict[str, Track] = OrderedDict()
        self._total = 0
        self._limit = events_in_all
        self._unsubscribe: Callable[[], None] | None = None

    def open(self, kernel: Kernel) -> None:
        """Begins to listen."""
        self._unsubscribe = kernel.events.subscribe(self.on_event)

    def close(self) -> None:
        """Stops listening and wakes everybody who waits."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for track in self._tracks.values():
            _wake(track)

    def on_event(self, event: object) -> None:
        """Takes a `RunEvent`; any other event is not ours."""
        if not isinstance(event, RunEvent):
            return
        track = self._tracks.get(event.run_id)
        if track is None:
            track = self._tracks[event.run_id] = Track()
        before = len(track.events)
        track.count += 1
        track.events.append((track.count, event))
        self._total += len(track.events) - before
        self._tracks.move_to_end(event.run_id)
        _wake(track)
        while self._total > self._limit and len(self._tracks) > 1:
            _, oldest = self._tracks.popitem(last=False)
            self._total -= len(oldest.events)
            _wake(oldest)

    def since(self, run_id: str, position: int) -> list[tuple[int, RunEvent]]:
        """The kept events of a run after `position` (0: all), oldest first."""
        track = self._tracks.get(run_id)
        if track is None:
            return []
        newer: list[tuple[int, RunEvent]] = []
        for entry in reversed(track.events):
            if entry[0] <= position:
                break
            newer.append(entry)
        newer.reverse()
        return newer

    def position_of(self, run_id: str, seq: int) -> int:
        """The position just after the last event with that `seq`, or 0."""
        track = self._tracks.get(run_id)
        if track is None:
            return 0
        return max((number for number, event in track.events if event.seq <= seq), default=0)

    async def wait(self, run_id: str, position: int, timeout_s: float) -> None:
        """Returns when there is something after `position`, when the history closes, or after `timeout_s`."""
        if self.since(run_id, position):
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


def _wake(track: Track) -> None:
    for waiter in track.waiting:
        waiter.set()
