"""Whether a run does nothing but wait for a person or a time. Pure.

A node that stops need not wait for such a run: what it waits for stands in the journal, and the next node goes on.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.runs.events import RunEvent

_BEGINS = frozenset({"step_started", "step_restarted", "step_retrying"})
_ENDS = frozenset({"step_succeeded", "step_failed", "step_skipped"})


def only_waits(events: Iterable[RunEvent]) -> bool:
    """Whether every step at work, of those that `events` know of, waits; False when they know of none. Steps that
    consist of steps do what these do."""
    waits: dict[str, bool] = {}
    for event in events:
        if event.step is None:
            continue
        if event.kind in _ENDS:
            waits.pop(event.step, None)
        elif event.kind in _BEGINS:
            waits[event.step] = False
        elif event.kind == "step_waiting":
            waits[event.step] = True
    around = {path for step in waits for path in _above(step)}
    own = [waiting for step, waiting in waits.items() if step not in around]
    return bool(own) and all(own)


def _above(step: str) -> Iterable[str]:
    """The paths of the steps around this one: "a[3]/b/c" is in "a" and in "a[3]/b"."""
    parts = step.split("/")
    for depth in range(1, len(parts)):
        path = "/".join(parts[:depth])
        yield path
        yield path[: path.rindex("[")] if path.endswith("]") and "[" in path else path
