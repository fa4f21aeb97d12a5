"""The frames of one run as a tree, and what happens to it when steps end: pure bookkeeping of a PipelineActor.

`FrameTree` answers every event with the `Start`s and the `End` that follow from it; the actor carries them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from actors.runs.beginning import error_in
from pipelines.execution import (
    Composite,
    Fail,
    Frame,
    FrameOutcome,
    FrameSpec,
    Open,
    RunSpending,
    Settle,
    variables_set_within,
)
from pipelines.language import Step


@dataclass(frozen=True, slots=True)
class Start:
    """A step is ready."""

    frame: Frame
    name: str
    key: str

    @property
    def step(self) -> Step:
        """The step as defined."""
        return self.frame.step(self.name)


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
class RootEnded:
    """The run's own steps are all done, or one of them failed for good."""

    error: dict[str, JsonValue] | None


Consequence = Start | Settled | Broken | RootEnded


@dataclass(slots=True, eq=False)
class FrameTree:
    """`places` holds every step that has been ready and has no result yet; `open` the composites among them."""

    root: Frame
    places: dict[str, Start] = field(default_factory=dict[str, Start])
    open: dict[str, tuple[Composite, list[Frame]]] = field(default_factory=dict[str, tuple[Composite, list[Frame]]])
    spending: RunSpending = field(default_factory=RunSpending)

    @classmethod
    def of(cls, spec: FrameSpec) -> FrameTree:
        """A tree with its root frame only."""
        return cls(Frame(spec))

    def begin(self) -> Iterator[Consequence]:
        """The first steps of the run."""
        return self._begin(self.root)

    def done(self, key: str, result: JsonValue) -> Iterator[Consequence]:
        """A step has its result. Steps that are not waited for any more change nothing."""
        self.spending.count(key, result)
        place = self.places.pop(key, None)
        if place is None:
            return
        self.drop(key)
        frame = place.frame
        ready = frame.finish(place.name, result)
        if not frame.done:
            yield from [self._ready(frame, name) for name in ready]
        else:
            yield from self._frame_ended(frame, None)

    def replay(self, key: str, recorded: Mapping[str, tuple[str, JsonValue]]) -> list[Consequence]:
        """A step that is ready is in the journal already. `recorded` is all that it has, (status, result) by path."""
        status, result = recorded[key]
        if status == "failed":
            return list(self.failed(key, error_in(result)))
        return list(self.recorded(key, result, ((path, value) for path, (_, value) in recorded.items())))

    def recorded(
        self, key: str, result: JsonValue, on_record: Iterable[tuple[str, JsonValue]]
    ) -> Iterator[Consequence]:
        """A step that is ready has its result in the journal, from a former life of the run.

        `on_record` is all that the journal has of the run, as (path, result), oldest first.
        """
        place = self.places.get(key)
        if place is not None:
            for values in variables_set_within(place.step, key, on_record):
                place.frame.set_variables(values)
        return self.done(key, result)

    def opened(self, key: str, composite: Composite) -> Iterator[Consequence]:
        """A step turned out to consist of steps."""
        if key in self.places and key not in self.open:
            self.open[key] = (composite, [])
            yield from self._move(key, None)

    def failed(self, key: str, error: dict[str, JsonValue]) -> Iterator[Consequence]:
        """A step has failed for good, and its frame with it."""
        place = self.places.pop(key, None)
        if place is not None:
            self.drop(key)
            yield from self._frame_ended(place.frame, error)

    def drop(self, key: str) -> list[str]:
        """Forgets the frames inside a step; gives the paths of the steps that were at work there."""
        if key not in self.open:
            return []
        _, frames = self.open.pop(key)
        dropped: list[str] = []
        for frame in frames:
            dropped += self._drop_frame(frame)
        return dropped

    def _drop_frame(self, frame: Frame) -> list[str]:
        inside = [key for key, place in self.places.items() if place.frame is frame]
        dropped: list[str] = []
        for key in inside:
            dropped += [*self.drop(key), key]
            del self.places[key]
        return dropped

    def _begin(self, frame: Frame) -> Iterator[Consequence]:
        for name in frame.spec.graph.first:
            yield self._ready(frame, name)

    def _ready(self, frame: Frame, name: str) -> Start:
        place = Start(frame, name, frame.key_of(name))
        self.places[place.key] = place
        return place

    def _frame_ended(self, frame: Frame, error: dict[str, JsonValue] | None) -> Iterator[Consequence]:
        if frame.owner is None:
            yield RootEnded(error)
            return
        entry = self.open.get(frame.owner)
        if entry is None or frame not in entry[1]:
            return
        entry[1].remove(frame)
        self._drop_frame(frame)
        yield from self._move(frame.owner, frame.outcome(error))

    def _move(self, key: str, ended: FrameOutcome | None) -> Iterator[Consequence]:
        composite, frames = self.open[key]
        place = self.places[key]
        match composite.advance(ended):
            case Open(specs):
                for spec in specs:
                    frame = Frame(spec, owner=key, parent=place.frame)
                    frames.append(frame)
                    yield from self._begin(frame)
            case Settle(result):
                yield Settled(place, result)
            case Fail(error):
                yield Broken(place, error)

    @property
    def results(self) -> Mapping[str, JsonValue]:
        """The results of the run's own steps."""
        return self.root.results
