"""How a run comes to its `finally` steps: the fact that it ends is durable before the first of them begins.

A run that was cancelled or had failed and whose node then died must not go on with its other steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from actors.journal import RecordStep
from actors.kernel import Kernel
from actors.runs.consequences import Timed
from actors.runs.recording import journal
from pipelines.execution import out_of_time

ENDING: Final = "/@ending"
"""The path under which the journal keeps that, and how, the run ends."""


@dataclass(frozen=True, slots=True)
class EndingStands:
    """It is durable that the run ends. Told by the PipelineActor's own task."""


@dataclass(frozen=True, slots=True)
class FrameExpired:
    """A frame has used up its time. Told by the PipelineActor's own timer."""

    timed: Timed

    def error(self) -> dict[str, JsonValue]:
        """The error it ends with."""
        timed, spec = self.timed, self.timed.frame.spec
        if timed.frame.closes is None:
            reached = out_of_time(timed.seconds, timed.seconds, spec.ancestry.names, spec.prefix)
            return reached.error(spec.prefix, "pipeline")
        message = f"the `finally` steps of '{spec.ancestry.names[-1]}' did not end within {timed.seconds:g} s"
        return {"code": "finally_timeout", "message": message, "step": spec.prefix}


async def record_ending(kernel: Kernel, run_id: str, error: dict[str, JsonValue] | None, patience_s: float) -> None:
    """Makes it durable; of two endings the first one stands. Raises `JournalError`."""
    await journal(kernel, RecordStep(run_id, ENDING, 1, "kept", {"error": error}), patience_s)


def ending_in(recorded: Mapping[str, tuple[str, JsonValue]]) -> tuple[bool, dict[str, JsonValue] | None]:
    """Whether the run was ending when its former life did, and its error."""
    if ENDING not in recorded:
        return False, None
    _, kept = recorded[ENDING]
    error = kept.get("error") if isinstance(kept, Mapping) else None
    return True, error if isinstance(error, dict) else None
