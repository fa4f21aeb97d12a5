"""What a run tells the world while it goes on: `RunEvent`s on the kernel's event bus, numbered per run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct
from pydantic import JsonValue

RunEventKind = Literal[
    "run_accepted",
    "run_started",
    "run_resumed",
    "run_reopened",
    "step_started",
    "step_retrying",
    "step_waiting",
    "step_succeeded",
    "step_failed",
    "step_skipped",
    "step_restarted",
    "fallback_started",
    "fallback_succeeded",
    "fallback_failed",
    "run_paused",
    "run_unpaused",
    "run_succeeded",
    "run_failed",
    "run_cancelled",
]
TERMINAL_KINDS: Final = frozenset({"run_succeeded", "run_failed", "run_cancelled"})


class RunEvent(Struct, frozen=True, gc=False):
    """One thing that happened in a run.

    `seq` counts from 1 within a run and starts again only when the node itself was restarted. `at` is Unix time in
    seconds. `step` is the step's path ("outer/inner", "loop[3]/inner") or None for the run itself. `data` holds the
    facts of the kind: `attempt`, `delay_s`, `error` ({code, message, ...}), `reason`, `duration_s`, `strategy`,
    `waiting_for`; those of steps always the step's `type`, those of the run itself always its `pipeline`.
    All of it is plain data, which the garbage collector need not look at.
    """

    run_id: str
    seq: int
    at: float
    kind: RunEventKind
    step: str | None = None
    data: Mapping[str, JsonValue] = {}
