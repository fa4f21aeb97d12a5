"""The seam for steps that consist of steps.

A step executor answers with a `Composite` instead of a result; the run's PipelineActor opens the frames it asks for and
tells it how each ended. A composite is pure: opened again after a crash with the same recorded results it asks for the
same frames, whose recorded steps are then not repeated. A new one is a class with `advance` beside these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from pipelines.execution.frame import FrameOutcome, FrameSpec


@dataclass(frozen=True, slots=True)
class Open:
    """Frames to run now, beside those that run already; may be empty while others run."""

    frames: tuple[FrameSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class Settle:
    """The step's result; frames that still run are dropped."""

    result: JsonValue


@dataclass(frozen=True, slots=True)
class Fail:
    """The step has failed; frames that still run are dropped."""

    error: dict[str, JsonValue]


Move = Open | Settle | Fail


class Composite(Protocol):
    """A step in the making whose parts are frames."""

    @property
    def timeout_s(self) -> float | None:
        """Seconds it may take from its opening; None: as long as its run."""
        ...

    def advance(self, ended: FrameOutcome | None) -> Move:
        """The next move: at the beginning (None), then once for each frame that ended. Raises nothing."""
        ...
