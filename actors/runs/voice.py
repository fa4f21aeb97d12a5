"""The voice of all runs: numbers their events, publishes them, and keeps the last ones for who comes late.

A plain object shared by the runs' actors instead of an actor: events come from several actors of a run and must keep
their order and numbers when one of those crashes. Loop thread only.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from pydantic import JsonValue

from actors.kernel import Kernel
from actors.runs.events import RunEvent, RunEventKind


@dataclass(slots=True)
class _Track:
    events: list[RunEvent]  # a few, nearly always: a deque takes 600 bytes more in each run
    seq: int = 0


class RunVoice:
    """Keeps at most `events_per_run` events a run, of at most `runs_kept` runs (the longest silent ones go first)."""

    def __init__(self, events_per_run: int = 256, runs_kept: int = 12_000) -> None:
        self._tracks: OrderedDict[str, _Track] = OrderedDict()
        self._events_per_run = events_per_run
        self._runs_kept = runs_kept

    def say(self, kernel: Kernel, run_id: str, kind: RunEventKind, step: str | None = None, **data: JsonValue) -> None:
        """Publishes one event."""
        track = self._tracks.get(run_id)
        if track is None:
            track = self._tracks[run_id] = _Track([])
            if len(self._tracks) > self._runs_kept:
                self._tracks.popitem(last=False)
        else:
            self._tracks.move_to_end(run_id)
        track.seq += 1
        event = RunEvent(run_id, track.seq, kernel.clock.wall(), kind, step, data)
        track.events.append(event)
        if len(track.events) > self._events_per_run:
            del track.events[0]
        kernel.events.publish(event)

    def is_fresh(self, run_id: str) -> bool:
        """Whether nothing has happened in the run but its acceptance, in this process."""
        track = self._tracks.get(run_id)
        return track is not None and track.seq == 1 and track.events[0].kind == "run_accepted"

    def since(self, run_id: str, seq: int) -> tuple[RunEvent, ...]:
        """The kept events after `seq` (0: all), oldest first."""
        track = self._tracks.get(run_id)
        return () if track is None else tuple(event for event in track.events if event.seq > seq)
