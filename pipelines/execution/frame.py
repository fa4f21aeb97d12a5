"""Frames: a run is a tree of them. The root frame runs a pipeline's steps; a step that consists of steps (a loop, a
nested pipeline) opens one frame per pass, whose steps have paths of their own in the journal.

A frame counts what is done and says what is ready next. It starts nothing and waits for nothing.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace as struct_replace
from pydantic import JsonValue

from pipelines.execution.branches import MAY_LEAVE, Leaving, left_by, offered_results
from pipelines.execution.graph import Graph, graph_of, graph_of_finally
from pipelines.execution.skipping import skips_others
from pipelines.language import Limits, Pipeline, Scope, Step

OnFailure = Literal["stop", "finish"]

_CHANGING = MAY_LEAVE | {"set_variable"}  # types whose results do more than stand

# Thousands of frames live at once, and most need neither: what they have of these is replaced and not changed.
_NOTHING: Final[Mapping[str, JsonValue]] = MappingProxyType({})
_NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Where a frame stands: the chain of pipelines above it, for depth, cycles and kill switches.

    `names` and `hashes` run from the outermost pipeline inwards; `total_steps` counts the steps of the nested pipelines
    of the chain, without those of the outermost one. `deepest` and `most_steps` are what the limits of the chain leave.
    """

    names: tuple[str, ...]
    hashes: tuple[str, ...]
    total_steps: int
    deepest: int | None = None
    most_steps: int | None = None

    @property
    def depth(self) -> int:
        """0 for the pipeline of the run itself, 1 for one nested in it."""
        return len(self.hashes) - 1

    def within(self, name: str, content_hash: str, steps: int) -> Ancestry:
        """The ancestry one pipeline further in."""
        total = self.total_steps + steps
        return Ancestry((*self.names, name), (*self.hashes, content_hash), total, self.deepest, self.most_steps)

    def bounded(self, deepest: int | None, most_steps: int | None = None) -> Ancestry:
        """The same with further limits; a looser one than there is changes nothing."""
        if deepest is None and most_steps is None:
            return self
        return replace(self, deepest=_least(self.deepest, deepest), most_steps=_least(self.most_steps, most_steps))


class FrameSpec(Struct, frozen=True):
    """What a frame is to run. `prefix` is the path of its steps ("" for the root, "outer", "loop[3]").

    `scope` is what its steps may see besides each other. With `own_state` it starts with the scope's `state` and keeps
    its variables to itself; without, variables set in it reach the frame above (those of scope "loop" do not).
    `at_the_end` are its `finally` steps, which may take `at_the_end_s` seconds together. `on_failure` says whether a
    step that failed for good ends the others at once; None: as in the frame above. `accounts` are the limits that hold
    below their paths, for as long as the frame lives; it may live for `max_seconds`.
    """

    prefix: str
    graph: Graph
    scope: Scope
    ancestry: Ancestry
    own_state: bool = False
    at_the_end: Graph | None = None
    at_the_end_s: float = 60.0
    on_failure: OnFailure | None = None
    accounts: Mapping[str, Limits] = {}
    max_seconds: float | None = None


def frame_of(
    pipeline: Pipeline, prefix: str, scope: Scope, ancestry: Ancestry, accounts: Mapping[str, Limits] | None = None
) -> FrameSpec:
    """The frame of a pipeline's own steps."""
    return FrameSpec(
        prefix,
        graph_of(pipeline),
        scope,
        ancestry,
        own_state=True,
        at_the_end=graph_of_finally(pipeline),
        at_the_end_s=pipeline.finally_timeout_s,
        on_failure=pipeline.on_failure,
        accounts=accounts or {},
    )


def closing_frame(frame: Frame, error: dict[str, JsonValue] | None) -> Frame | None:
    """The frame of the `finally` steps of one that has ended with `error` (None: well). It sees all results, and as
    `workflow.status` and `workflow.error` how that ended. A failure in it does not keep the others from running."""
    spec = frame.spec
    if spec.at_the_end is None or frame.closes is not None:
        return None
    code = None if error is None else error.get("code")
    status = "succeeded" if error is None else "cancelled" if code in {"cancelled", "no_longer_needed"} else "failed"
    scope = frame.scope(spec.scope.now_s)
    told: dict[str, JsonValue] = {"status": status, "error": error}
    own = struct_replace(scope, workflow={**scope.workflow, **told})
    inner = FrameSpec(spec.prefix, spec.at_the_end, own, spec.ancestry, own_state=True, on_failure="finish")
    return Frame(inner, frame.owner, frame.parent, closes=frame)


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


class FrameOutcome(Struct, frozen=True):
    """How a frame ended: its steps' results, and the error if one of them failed for good.

    `scope` is what a step behind all of its steps would see. `left_by` says that a `break` or `continue` ended it.
    """

    prefix: str
    results: Mapping[str, JsonValue]
    scope: Scope
    error: dict[str, JsonValue] | None = None
    left_by: Leaving | None = None


class Frame(Struct, eq=False):
    """The progress of one frame. `owner` is the path of the step that opened it, None for the root. `closes` is the
    frame whose `finally` steps these are, `error` that of its first step that failed for good."""

    spec: FrameSpec
    owner: str | None = None
    parent: Frame | None = None
    results: dict[str, JsonValue] = {}
    state: Mapping[str, JsonValue] = _NOTHING
    offered: Mapping[str, JsonValue] = _NOTHING
    left_by: Leaving | None = None
    closes: Frame | None = None
    begun: bool = False
    error: dict[str, JsonValue] | None = None
    _dead: frozenset[str] = _NOBODY
    _skipping: frozenset[str] = _NOBODY

    def __post_init__(self) -> None:
        if self.spec.own_state or self.parent is None:
            self.state = self.spec.scope.state

    @property
    def done(self) -> bool:
        """Whether every step has a result or never will, or one has left the rest undone."""
        if self.left_by is not None or (self.error is not None and self.stops):
            return True
        return len(self.results) + len(self._dead) == len(self.spec.graph.steps)

    @property
    def stops(self) -> bool:
        """Whether the first failure ends it, with all that is under way in it."""
        frame: Frame | None = self
        while frame is not None:
            if frame.spec.on_failure is not None:
                return frame.spec.on_failure == "stop"
            frame = frame.parent
        return True

    @property
    def at_the_end(self) -> bool:
        """Whether its steps are those of a `finally`, or inside of one."""
        frame: Frame | None = self
        while frame is not None and frame.closes is None:
            frame = frame.parent
        return frame is not None

    def key_of(self, name: str) -> str:
        """The path of one of its steps."""
        return f"{self.spec.prefix}/{name}" if self.spec.prefix else name

    def step(self, name: str) -> Step:
        """One of its steps."""
        return self.spec.graph.steps[name]

    def fail(self, name: str, error: dict[str, JsonValue]) -> None:
        """A step has failed for good: those that wait for it will never begin."""
        self.error = self.error or error
        waiting, dead = [name], set(self._dead)
        while waiting:
            each = waiting.pop()
            if each not in dead and each not in self.results:
                dead.add(each)
                waiting += self.spec.graph.dependents[each]
        self._dead = frozenset(dead)

    def lacks_only(self, name: str) -> bool:
        """Whether all else has been done, and well, and the result of this step will change nothing beside it."""
        if self.error is not None or self.left_by is not None or len(self.results) + 1 != len(self.spec.graph.steps):
            return False
        return name not in self.results and self.step(name).type not in _CHANGING

    def skipped_with(self, name: str) -> str | None:
        """The step before it for which this one is skipped."""
        if not self._skipping:
            return None
        return next(
            (each for each in self.spec.graph.steps if each in self._skipping & self.spec.graph.needs[name]), None
        )

    def finish(self, name: str, result: JsonValue, status: str = "succeeded") -> list[str]:
        """Takes a step's result; gives the steps that have become ready. A second result for a step changes nothing."""
        if name in self.results:
            return []
        self.results[name] = result
        if skips_others(status, result):
            self._skipping |= {name}
        step = self.spec.graph.steps[name]
        self._keep_variables(step, result)
        if step.type in MAY_LEAVE:
            self.left_by = left_by(step, result)
            self.offered = {**self.offered, **offered_results(step, result)}
        graph, done = self.spec.graph, self.results.keys()
        return [each for each in graph.dependents[name] if each not in self._dead and done >= graph.needs[each]]

    def outcome(self, error: dict[str, JsonValue] | None) -> FrameOutcome:
        """How it has ended."""
        scope = self.scope(self.spec.scope.now_s)
        return FrameOutcome(self.spec.prefix, self.results, scope, error, self.left_by if error is None else None)

    def scope(self, now_s: float | None) -> Scope:
        """What a step that starts now may see. `now_s` is Unix time."""
        base = self.spec.scope
        own = ChainMap(self.results, self.offered) if self.offered else self.results  # pyright: ignore[reportArgumentType]
        return Scope(
            inputs=base.inputs,
            steps=ChainMap(own, base.steps) if base.steps else own,  # pyright: ignore[reportArgumentType]
            global_vars=base.global_vars,
            state=self._visible_state(),
            loop=base.loop,
            workflow=base.workflow,
            now_s=now_s,
        )

    def _visible_state(self) -> Mapping[str, JsonValue]:
        if self.spec.own_state or self.parent is None:
            return self.state
        outer = self.parent._visible_state()
        return {**outer, **self.state} if self.state else outer

    def _keep_variables(self, step: Step, result: JsonValue) -> None:
        # Its type's name: asking for the pydantic class costs more than all the rest of a step's bookkeeping.
        if step.type != "set_variable" or not isinstance(result, Mapping):
            return
        values = result.get("variables")
        if isinstance(values, Mapping):
            self.set_variables(values, for_outer=step.scope != "loop")

    def set_variables(self, values: Mapping[str, JsonValue], *, for_outer: bool = True) -> None:
        """Sets variables where later steps see them: in this frame, or in the one it shares its state with."""
        home = self
        while for_outer and not home.spec.own_state and home.parent is not None:
            home = home.parent
        # Replaced and not changed, because steps that run now hold the state as it was.
        home.state = {**home.state, **values}
