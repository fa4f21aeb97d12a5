"""A run's progress events as they happen, and the end of a process: both waited for with a deadline."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

ENDED = frozenset({"run_succeeded", "run_failed", "run_cancelled"})
Event = dict[str, Any]


class Api:
    """The node's HTTP interface over its Unix socket: what `curl --unix-socket` would see."""

    def __init__(self, socket: Path) -> None:
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://evopipe", timeout=10.0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str) -> Any:
        """GET as JSON."""
        return self._client.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """POST as JSON."""
        return self._client.post(path, json=body or {}).raise_for_status().json()

    def events(self, run_id: str, timeout_s: float) -> Iterator[Event]:
        """The run's events from its first one on; ends at the run's end, at the node's, or after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        try:
            with self._client.stream("GET", f"/v1/runs/{run_id}/events", timeout=timeout_s) as answer:
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line.removeprefix("data: "))
                    if time.monotonic() > deadline:
                        return
        except httpx.TransportError:
            return


def watch(
    api: Api,
    run_id: str,
    *,
    on_event: Callable[[Event], object] = lambda _event: None,
    until: Callable[[Event], bool] = lambda event: event.get("kind") in ENDED,
    timeout_s: float = 30.0,
) -> list[Event]:
    """Hands each event to `on_event` and returns all of them once `until` holds for one (or the stream ends)."""
    seen: list[Event] = []
    for event in api.events(run_id, timeout_s):
        seen.append(event)
        on_event(event)
        if until(event):
            break
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
