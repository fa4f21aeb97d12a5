"""A run's progress events as they happen, and the end of a process: both waited for with a deadline."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import Any

from runtime.client import NodeClient, NodeUnreachableError

ENDED = frozenset({"run_succeeded", "run_failed", "run_cancelled"})
RUN_TIMEOUT_S = 30.0
Event = dict[str, Any]


def is_end(event: Event) -> bool:
    """Whether the run is over with this event."""
    return event.get("kind") in ENDED


def watch(
    client: NodeClient,
    run_id: str,
    *,
    on_event: Callable[[Event], object] = lambda _event: None,
    until: Callable[[Event], bool] = is_end,
    timeout_s: float = RUN_TIMEOUT_S,
) -> list[Event]:
    """Hands each event of a run to `on_event`, from the first one on, and returns all of them.

    Stops once `until` holds, when the node goes away, or after `timeout_s` (the stream's heartbeat makes this exact
    to ten seconds); the caller checks what it got.
    """
    deadline = time.monotonic() + timeout_s
    seen: list[Event] = []
    try:
        for line_kind, data in client.events(run_id):
            event = {"kind": line_kind, **data}
            seen.append(event)
            on_event(event)
            if until(event) or time.monotonic() > deadline:
                break
    except NodeUnreachableError:
        return seen
    return seen


def is_event(event: Event, kind: str, step: str | None = None) -> bool:
    """Whether `event` is of that kind (and step)."""
    return event.get("kind") == kind and (step is None or event.get("step") == step)


def has_event(events: list[Event], kind: str, step: str | None = None) -> bool:
    """Whether one of `events` is of that kind (and step)."""
    return any(is_event(event, kind, step) for event in events)


def spelled(events: list[Event]) -> str:
    """The events in one line, for a failed check."""
    return ", ".join(f"{event.get('kind')}({event.get('step') or ''})" for event in events)


def process_ended(pid: int, timeout_s: float) -> bool:
    """Waits until the process (no child of ours) is gone; False when it is still there after `timeout_s`."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = select.select([handle], [], [], timeout_s)
        return bool(ready)
    finally:
        os.close(handle)
