"""`while_loop` as a composite: one frame after another, for as long as the condition holds."""

from __future__ import annotations

from collections import ChainMap

from msgspec.structs import replace as struct_replace
from pydantic import JsonValue

from pipelines.execution.composite import Fail, Move, Open, Settle
from pipelines.execution.frame import Ancestry, FrameOutcome, FrameSpec
from pipelines.execution.graph import graph_of_body
from pipelines.execution.loop import pass_facts
from pipelines.language import ConditionError, Scope, TemplateError, WhileLoopStep, evaluate

_LIMIT_REASON = "Maximum iterations exceeded"


class WhileRun:
    """One while loop in the making; whoever makes it has seen its condition hold once.

    A pass that fails fails the step. Later passes and the condition see what the earlier ones left: variables, and the
    last result of each step. `now()` in the condition is when the loop began: a resumed loop must come to the same.
    """

    def __init__(self, key: str, step: WhileLoopStep, scope: Scope, ancestry: Ancestry) -> None:
        self._key = key
        self._step = step
        self._scope = scope
        self._ancestry = ancestry
        self._graph = graph_of_body(step)
        self._done = 0
        self._last: dict[str, JsonValue] = {}
        self._left: dict[str, JsonValue] = {}

    @property
    def timeout_s(self) -> float | None:
        return self._step.timeout_s

    def advance(self, ended: FrameOutcome | None) -> Move:
        if ended is None:
            if self._step.steps:
                return Open((self._frame(),))
            # Nothing inside could change what the condition sees.
            self._done = self._step.max_iterations
            return self._at_limit()
        if ended.error is not None:
            return Fail(ended.error)
        self._done += 1
        self._last = dict(ended.results)
        self._left |= self._last
        if ended.left_by == "break":
            return self._settle(left_by="break")
        scope = ended.scope
        try:
            if self._step.break_condition is not None and evaluate(self._step.break_condition, scope):
                return self._settle(left_by="break_condition")
            if not evaluate(self._step.condition, scope):
                return self._settle(condition_met=False)
        except (ConditionError, TemplateError) as error:
            message = f"after pass {self._done} of loop '{self._step.name}': {error}"
            return Fail({"code": error.code, "message": message, "step": self._key, "type": "while_loop"})
        return self._at_limit() if self._done >= self._step.max_iterations else Open((self._frame(),))

    def _frame(self) -> FrameSpec:
        loop = pass_facts(self._scope.loop, self._done)
        steps = ChainMap(dict(self._left), self._scope.steps) if self._left else self._scope.steps  # pyright: ignore[reportArgumentType]
        scope = struct_replace(self._scope, steps=steps, loop=loop)
        return FrameSpec(f"{self._key}[{self._done}]", self._graph, scope, self._ancestry)

    def _at_limit(self) -> Move:
        if self._step.on_limit == "fail":
            message = f"loop '{self._step.name}' still holds after its max_iterations of {self._step.max_iterations}"
            return Fail({"code": "max_iterations", "message": message, "step": self._key, "type": "while_loop"})
        return self._settle(success=False, max_iterations_reached=True, reason=_LIMIT_REASON)

    def _settle(self, *, success: bool = True, **facts: JsonValue) -> Settle:
        return Settle({"success": success, "iterations": self._done, **facts, "results": self._last})
