"""The frames of one run as a tree, and what happens to it when steps end: pure bookkeeping of a PipelineActor.

`FrameTree` answers every event with the consequences that follow from it; the actor carries them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec import field as struct_field
from pydantic import JsonValue

from actors.runs.beginning import error_in
from actors.runs.consequences import Broken, Consequence, Dropped, Ending, RootEnded, Settled, Start, Timed
from actors.runs.unwinding import Unwinding, Unwindings, with_failure
from pipelines.execution import (
    Composite,
    Fail,
    Frame,
    FrameOutcome,
    FrameSpec,
    Ledger,
    Open,
    RunSpending,
    Settle,
    closing_frame,
    ends,
    variables_set_within,
)

__all__ = ["Broken", "Consequence", "Dropped", "Ending", "FrameTree", "RootEnded", "Settled", "Start", "Timed"]

Error = dict[str, JsonValue]
_NO_LONGER_NEEDED: Error = {"code": "no_longer_needed", "message": "what it was part of has ended"}


class FrameTree(Struct, eq=False):
    """`places` holds every step that has been ready and has no result yet; `open` the composites among them."""

    root: Frame
    places: dict[str, Start] = {}
    open: dict[str, tuple[Composite, list[Frame]]] = {}
    spending: RunSpending = struct_field(default_factory=RunSpending)
    ledger: Ledger = struct_field(default_factory=Ledger)
    results: dict[str, JsonValue] = {}
    """The results of the run's own steps, those of `finally` too."""
    _unwindings: Unwindings = struct_field(default_factory=Unwindings)

    @classmethod
    def of(cls, spec: FrameSpec) -> FrameTree:
        """A tree with its root frame only."""
        tree = cls(Frame(spec))
        tree._open_accounts(spec)
        return tree

    def begin(self) -> Iterator[Consequence]:
        """The first steps of the run."""
        return self._begin(self.root)

    def is_last(self, place: Start) -> bool:
        """Whether the run ends with the result of this step: nothing else is under way, and nothing will follow."""
        frame = place.frame
        if frame is not self.root or frame.spec.at_the_end is not None or len(self.places) != 1 or self.open:
            return False
        return not self._unwindings.all and frame.lacks_only(place.name)

    def done(self, key: str, result: JsonValue, status: str = "succeeded") -> Iterator[Consequence]:
        """A step has its result. Steps that are not waited for any more change nothing."""
        self.spending.count(key, result)
        place = self.places.pop(key, None)
        if key not in self.open:
            self.ledger.record(key, result)
        if place is None:
            return
        self._shut(key)
        frame = place.frame
        ready = frame.finish(place.name, result, status)
        if frame is self.root or frame.closes is self.root:
            self.results[place.name] = result
        if not frame.done:
            yield from [self._ready(frame, name) for name in ready]
        else:
            yield from self._frame_ended(frame, frame.error)

    def replay(self, key: str, recorded: Mapping[str, tuple[str, JsonValue]]) -> list[Consequence]:
        """A step that is ready is in the journal already. `recorded` is all that it has, (status, result) by path."""
        status, result = recorded[key]
        if status == "failed":
            return list(self.failed(key, error_in(result)))
        return list(self.recorded(key, result, ((path, value) for path, (_, value) in recorded.items()), status))

    def recorded(
        self, key: str, result: JsonValue, on_record: Iterable[tuple[str, JsonValue]], status: str = "succeeded"
    ) -> Iterator[Consequence]:
        """A step that is ready has its result in the journal, from a former life of the run.

        `on_record` is all that the journal has of the run, as (path, result), oldest first.
        """
        place = self.places.get(key)
        if place is not None:
            for values in variables_set_within(place.step, key, on_record):
                place.frame.set_variables(values)
        return self.done(key, result, status)

    def opened(self, key: str, composite: Composite) -> Iterator[Consequence]:
        """A step turned out to consist of steps."""
        if key in self.places and key not in self.open:
            self.open[key] = (composite, [])
            yield from self._move(key, None)

    def failed(self, key: str, error: Error) -> Iterator[Consequence]:
        """A step has failed for good; whether its frame ends with it, the frame's policy says."""
        place = self.places.pop(key, None)
        if place is None:
            return
        self._shut(key)
        frame = place.frame
        frame.fail(place.name, error)
        if ends(error, frame.owner or ""):
            yield from self._frame_ended(frame, error)  # the limit is not this frame's alone
        elif frame.done:
            yield from self._frame_ended(frame, frame.error)

    # ---- ending early --------------------------------------------------------------------------------------

    def expired(self, key: str, error: Error) -> Iterator[Consequence]:
        """A step that consists of steps must not go on."""
        place = self.places.get(key)
        if place is not None and key in self.open and self._unwindings.of(key) is None:
            yield from self._unwind(key, error, lambda _: iter((Broken(place, error),)))

    def frame_expired(self, frame: Frame, error: Error) -> Iterator[Consequence]:
        """A frame has used up its time."""
        if frame.closes is not None:
            if not frame.begun or self._unwindings.holding(frame) is None:
                return
            dropped: list[str] = []
            self._gather(frame, [], dropped, error, whole=True)
            if dropped:
                yield Dropped(tuple(dropped))
            yield from self._closed(frame, error)
        elif any(frame in frames for _, frames in self.open.values()) and self._unwindings.of(frame) is None:
            yield from self._frame_ended(frame, error)

    def abort(self, error: Error) -> Iterator[Consequence]:
        """The run itself must not go on. Nothing happens when it is ending already."""
        if self._unwindings.of(self.root) is None:
            yield from self._frame_ended(self.root, error)

    @property
    def ending(self) -> bool:
        """Whether the run's own steps have ended and those of `finally` are under way."""
        return self._unwindings.of(self.root) is not None

    def close(self) -> Iterator[Consequence]:
        """It is durable that the run ends: its `finally` steps begin."""
        found = self._unwindings.of(self.root)
        if found is not None:
            yield from self._next_closing(found)

    def restore_ending(self, error: Error | None, recorded: Mapping[str, tuple[str, JsonValue]]) -> None:
        """The run was ending in its former life: its own steps stand as `recorded` says; `close` comes next."""
        for key, (status, result) in recorded.items():
            if key in self.root.spec.graph.steps and status != "failed":
                step = self.root.step(key)
                for values in variables_set_within(step, key, ((path, each) for path, (_, each) in recorded.items())):
                    self.root.set_variables(values)
                self.root.finish(key, result, status)
                self.results[key] = result
        closing = closing_frame(self.root, error)
        self._unwindings.all.append(self._unwinding_root([] if closing is None else [closing], error))

    # ---- inside --------------------------------------------------------------------------------------------

    def _begin(self, frame: Frame) -> Iterator[Consequence]:
        frame.begun = True
        for name in frame.spec.graph.first:
            yield self._ready(frame, name)

    def _ready(self, frame: Frame, name: str) -> Start:
        place = Start(frame, name, frame.key_of(name))
        self.places[place.key] = place
        return place

    def _frame_ended(self, frame: Frame, error: Error | None) -> Iterator[Consequence]:
        if frame.closes is not None:
            yield from self._closed(frame, error)
        elif frame.owner is None:
            chain: list[Frame] = []
            yield from self._drop([frame], chain, error)
            found = self._unwinding_root(chain, error)
            if not chain:
                yield RootEnded(error)
                return
            self._unwindings.all.append(found)
            yield Ending(error)
        else:
            entry = self.open.get(frame.owner)
            if entry is None or frame not in entry[1]:
                return
            chain = []
            yield from self._drop([frame], chain, error)
            yield from self._begin_unwinding(
                Unwinding(frame, chain, lambda failure: self._deliver(frame, with_failure(error, failure)))
            )

    def _unwinding_root(self, chain: list[Frame], error: Error | None) -> Unwinding:
        return Unwinding(self.root, chain, lambda failure: iter((RootEnded(with_failure(error, failure)),)))

    def _deliver(self, frame: Frame, error: Error | None) -> Iterator[Consequence]:
        """Tells the composite that opened it how a frame has ended."""
        assert frame.owner is not None
        entry = self.open.get(frame.owner)
        if entry is None or frame not in entry[1]:
            return
        entry[1].remove(frame)
        self._close_accounts(frame.spec)
        place = self.places[frame.owner]
        if error is not None and ends(error, frame.owner):
            yield from self._unwind(frame.owner, error, lambda _: iter((Broken(place, error),)))
        else:
            yield from self._move(frame.owner, frame.outcome(error))

    def _move(self, key: str, ended: FrameOutcome | None) -> Iterator[Consequence]:
        composite, frames = self.open[key]
        place = self.places[key]
        match composite.advance(ended):
            case Open(specs):
                for spec in specs:
                    frame = Frame(spec, owner=key, parent=place.frame)
                    frames.append(frame)
                    yield from self._enter(frame)
            case Settle(result):
                yield from self._unwind(key, None, lambda _: iter((Settled(place, result),)))
            case Fail(error):
                yield from self._unwind(key, error, lambda _: iter((Broken(place, error),)))

    def _enter(self, frame: Frame) -> Iterator[Consequence]:
        """Begins a frame, if the limits around it let so many steps be started."""
        spec = frame.spec
        self._open_accounts(spec)
        if spec.max_seconds is not None:
            yield Timed(frame, spec.max_seconds)
        refused = (
            self.ledger.may_enter(spec.prefix, len(spec.graph.steps))
            if spec.own_state and not frame.at_the_end
            else None
        )
        if refused is None:
            yield from self._begin(frame)
        else:
            yield from self._deliver(frame, refused.error(spec.prefix, "pipeline"))

    def _unwind(
        self, key: str, error: Error | None, then: Callable[[Error | None], Iterator[Consequence]]
    ) -> Iterator[Consequence]:
        """Ends what is left inside a step."""
        chain: list[Frame] = []
        frames = self.open[key][1]
        yield from self._drop(list(frames), chain, error or _NO_LONGER_NEEDED)
        frames.clear()
        yield from self._begin_unwinding(Unwinding(key, chain, then))

    def _drop(self, frames: list[Frame], chain: list[Frame], error: Error | None) -> Iterator[Consequence]:
        dropped: list[str] = []
        for frame in frames:
            self._gather(frame, chain, dropped, error)
        if dropped:
            yield Dropped(tuple(dropped))

    def _gather(
        self, frame: Frame, chain: list[Frame], dropped: list[str], error: Error | None, *, whole: bool = False
    ) -> None:
        """Forgets the steps in a frame; adds the closing frames that come of it to `chain`, the innermost first."""
        inside = [key for key, place in self.places.items() if place.frame is frame]
        for key in inside:
            left = self._unwindings.take(key)
            chain += left or ()
            if key in self.open:
                for inner in self.open.pop(key)[1]:
                    self._gather(inner, chain, dropped, error or _NO_LONGER_NEEDED)
            dropped.append(key)
            self.ledger.release_of(key)
            del self.places[key]
        if whole:
            return
        left = self._unwindings.take(frame)
        closing = None if left is not None else closing_frame(frame, error)
        chain += left if left is not None else [] if closing is None else [closing]

    def _begin_unwinding(self, found: Unwinding) -> Iterator[Consequence]:
        if not found.chain:
            yield from found.then(None)
            return
        self._unwindings.all.append(found)
        yield from self._next_closing(found)

    def _next_closing(self, found: Unwinding) -> Iterator[Consequence]:
        if not found.chain:
            self._unwindings.all.remove(found)
            yield from found.then(found.failure)
            return
        found.begun = True
        frame = found.chain[0]
        closes = frame.closes
        assert closes is not None
        if not frame.begun:  # else it is under way: taken over from what ended before
            yield Timed(frame, closes.spec.at_the_end_s)
            yield from self._begin(frame)

    def _closed(self, frame: Frame, error: Error | None) -> Iterator[Consequence]:
        found = self._unwindings.holding(frame)
        if found is None:
            return
        awaited = found.begun and found.chain[0] is frame
        found.chain.remove(frame)
        found.failure = found.failure or error
        if awaited:
            yield from self._next_closing(found)

    def _shut(self, key: str) -> None:
        if self.open.pop(key, None) is not None and self.ledger.accounts:
            self.ledger.close(key)

    def _open_accounts(self, spec: FrameSpec) -> None:
        for path, limits in spec.accounts.items():
            self.ledger.open(path, limits, spec.ancestry.names)

    def _close_accounts(self, spec: FrameSpec) -> None:
        if spec.prefix in spec.accounts:
            self.ledger.close(spec.prefix)
