"""What follows from what happened in a run, as values that its PipelineActor carries out."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct
from pydantic import JsonValue

from pipelines.execution import Frame
from pipelines.language import Step


class Start(Struct, frozen=True):
    """A step is ready."""

    frame: Frame
    name: str
    key: str

    @property
    def step(self) -> Step:
        """The step as defined."""
        return self.frame.spec.graph.steps[self.name]


@dataclass(frozen=True, slots=True)
class Settled:
    """A step that consists of steps has its result, which is to be recorded."""

    place: Start
    result: JsonValue


@dataclass(frozen=True, slots=True)
class Broken:
    """A step that consists of steps has failed; what its policy says comes next."""

    place: Start
    error: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Dropped:
    """The steps at these paths are not wanted any more."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timed:
    """This frame may take so many seconds from now; `closing`: it holds `finally` steps."""

    frame: Frame
    seconds: float


@dataclass(frozen=True, slots=True)
class Ending:
    """All else has ended and the run's `finally` steps come next, once it is durable that they do."""

    error: dict[str, JsonValue] | None


class RootEnded(Struct, frozen=True):
    """The run's own steps are all done, or one of them failed for good."""

    error: dict[str, JsonValue] | None


Consequence = Start | Settled | Broken | Dropped | Timed | Ending | RootEnded
