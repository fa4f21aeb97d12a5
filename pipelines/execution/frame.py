"""Frames: a run is a tree of them. The root frame runs a pipeline's steps; a step that consists of steps (a loop, a
nested pipeline) opens one frame per pass, whose steps have paths of their own in the journal.

A frame counts what is done and says what is ready next. It starts nothing and waits for nothing.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from pipelines.execution.branches import MAY_LEAVE, Leaving, left_by, offered_results
from pipelines.execution.graph import Graph
from pipelines.language import Scope, Step

Progress = Literal["waiting", "running", "done"]


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Where a frame stands: the chain of pipelines above it, for depth, cycles and kill switches.

    `names` and `hashes` run from the outermost pipeline inwards; `total_steps` counts the steps of the nested pipelines
    of the chain, without those of the outermost one.
    """

    names: tuple[str, ...]
    hashes: tuple[str, ...]
    total_steps: int

    @property
    def depth(self) -> int:
        """0 for the pipeline of the run itself, 1 for one nested in it."""
        return len(self.hashes) - 1

    def within(self, name: str, content_hash: str, steps: int) -> Ancestry:
        """The ancestry one pipeline further in."""
        return Ancestry((*self.names, name), (*self.hashes, content_hash), self.total_steps + steps)


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """What a frame is to run. `prefix` is the path of its steps ("" for the root, "outer", "loop[3]").

    `scope` is what its steps may see besides each other. With `own_state` it starts with the scope's `state` and keeps
    its variables to itself; without, variables set in it reach the frame above (those of scope "loop" do not).
    """

    prefix: str
    graph: Graph
    scope: Scope
    ancestry: Ancestry
    own_state: bool = False


@dataclass(frozen=True, slots=True)
class FrameOutcome:
    """How a frame ended: its steps' results, and the error if one of them failed for good.

    `scope` is what a step behind all of its steps would see. `left_by` says that a `break` or `continue` ended it.
    """

    prefix: str
    results: Mapping[str, JsonValue]
    scope: Scope
    error: dict[str, JsonValue] | None = None
    left_by: Leaving | None = None


@dataclass(slots=True, eq=False)
class Frame:
    """The progress of one frame. `owner` is the path of the step that opened it, None for the root."""

    spec: FrameSpec
    owner: str | None = None
    parent: Frame | None = None
    results: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    state: MutableMapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    offered: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    left_by: Leaving | None = None
    _waits: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        self._waits = dict(self.spec.graph.waits)
        if self.spec.own_state or self.parent is None:
            self.state = dict(self.spec.scope.state)

    @property
    def done(self) -> bool:
        """Whether every step has a result, or one has left the rest undone."""
        return self.left_by is not None or len(self.results) == len(self._waits)

    def key_of(self, name: str) -> str:
        """The path of one of its steps."""
        return f"{self.spec.prefix}/{name}" if self.spec.prefix else name

    def step(self, name: str) -> Step:
        """One of its steps."""
        return self.spec.graph.steps[name]

    def finish(self, name: str, result: JsonValue) -> list[str]:
        """Takes a step's result; gives the steps that have become ready. A second result for a step changes nothing."""
        if name in self.results:
            return []
        self.results[name] = result
        step = self.step(name)
        self._keep_variables(step, result)
        if step.type in MAY_LEAVE:
            self.left_by = left_by(step, result)
            self.offered.update(offered_results(step, result))
        ready: list[str] = []
        for other in self.spec.graph.dependents[name]:
            self._waits[other] -= 1
            if self._waits[other] == 0:
                ready.append(other)
        return ready

    def outcome(self, error: dict[str, JsonValue] | None) -> FrameOutcome:
        """How it has ended."""
        scope = self.scope(self.spec.scope.now_s)
        return FrameOutcome(self.spec.prefix, self.results, scope, error, self.left_by if error is None else None)

    def scope(self, now_s: float | None) -> Scope:
        """What a step that starts now may see. `now_s` is Unix time."""
        base = self.spec.scope
        own = ChainMap(self.results, self.offered) if self.offered else self.results
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
