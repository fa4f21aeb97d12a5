"""`for_loop` as a composite: one frame per item, one after another or up to `max_parallel` at once."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

from pydantic import JsonValue

from pipelines.execution.composite import Move, Open, Settle
from pipelines.execution.frame import Ancestry, FrameOutcome, FrameSpec
from pipelines.execution.graph import graph_of_loop
from pipelines.language import ConditionError, ForLoopStep, Scope, TemplateError, evaluate, resolve_source


class LoopInputError(ValueError):
    """The loop's data is not a list, or has more items than `max_iterations`."""


def loop_items(step: ForLoopStep, scope: Scope) -> list[JsonValue]:
    """The items to go over. A map gives {key, value} pairs. Raises `TemplateError` or `LoopInputError`."""
    data = resolve_source(step.data_source, scope)
    if isinstance(data, Mapping):
        pairs: list[JsonValue] = [{"key": key, "value": value} for key, value in data.items()]
        data = pairs
    if not isinstance(data, list):
        raise LoopInputError(f"the data_source of loop '{step.name}' is {_kind(data)}; expected a list or a map")
    if len(data) > step.max_iterations:
        raise LoopInputError(
            f"loop '{step.name}' has {len(data)} items, more than its max_iterations of {step.max_iterations}"
        )
    return data


class LoopRun:
    """One loop in the making. A failing iteration makes `success` false and (with `break_on_error`) ends the loop,
    not the run. In a sequential loop later iterations also see the earlier ones' results."""

    def __init__(self, key: str, step: ForLoopStep, items: list[JsonValue], scope: Scope, ancestry: Ancestry) -> None:
        self._key = key
        self._step = step
        self._items = items
        self._scope = scope
        self._ancestry = ancestry
        self._graph = graph_of_loop(step)
        self._next = 0
        self._ended: dict[int, dict[str, JsonValue]] = {}
        self._index_of: dict[str, int] = {}
        self._earlier: dict[str, JsonValue] = {}
        self._broken = False

    @property
    def timeout_s(self) -> float | None:
        return self._step.timeout_s

    def advance(self, ended: FrameOutcome | None) -> Move:
        if ended is not None:
            self._take(ended)
        if self._broken or len(self._ended) == len(self._items):
            return Settle(self._result())
        if not self._step.steps:
            return self._without_steps()
        limit = self._step.max_parallel if self._step.parallel else 1
        frames: list[FrameSpec] = []
        while self._next < len(self._items) and self._next - len(self._ended) < limit:
            frames.append(self._frame(self._next))
            self._next += 1
        return Open(tuple(frames))

    def _without_steps(self) -> Settle:
        """Every pass of a loop with nothing in it succeeds; a frame without steps would never end."""
        while self._next < len(self._items) and not self._broken:
            self._take(FrameOutcome(self._frame(self._next).prefix, {}))
            self._next += 1
        return Settle(self._result())

    def _take(self, ended: FrameOutcome) -> None:
        index = self._index_of[ended.prefix]
        iteration: dict[str, JsonValue] = {"index": index, "item": self._items[index], "success": ended.error is None}
        self._ended[index] = iteration
        if ended.error is not None:
            iteration["error"] = ended.error
            self._broken = self._step.break_on_error
            return
        iteration["results"] = dict(ended.results)
        if not self._step.parallel:
            self._earlier.update(ended.results)
        self._break_if_told(index, iteration, ended)

    def _break_if_told(self, index: int, iteration: dict[str, JsonValue], ended: FrameOutcome) -> None:
        condition = self._step.break_condition
        if condition is None:
            return
        inner = self._frame(index).scope
        scope = Scope(
            inputs=inner.inputs,
            steps={**inner.steps, **ended.results},
            global_vars=inner.global_vars,
            state=inner.state,
            loop=inner.loop,
            workflow=inner.workflow,
            now_s=inner.now_s,
        )
        try:
            self._broken = evaluate(condition, scope)
        except (ConditionError, TemplateError) as error:
            iteration["success"] = False
            iteration["error"] = {"code": error.code, "message": f"break_condition: {error}"}
            self._broken = True

    def _frame(self, index: int) -> FrameSpec:
        total = len(self._items)
        outer = self._scope.loop
        level = outer.get("level", 0) if outer is not None else 0
        loop: dict[str, JsonValue] = {
            self._step.iterator: self._items[index],
            "index": index,
            "total": total,
            "first": index == 0,
            "last": index == total - 1,
            "level": (level if isinstance(level, int) else 0) + 1,
            "parent": dict(outer) if outer is not None else None,
        }
        prefix = f"{self._key}[{index}]"
        self._index_of[prefix] = index
        steps = ChainMap(dict(self._earlier), self._scope.steps) if self._earlier else self._scope.steps  # pyright: ignore[reportArgumentType]
        scope = Scope(
            inputs=self._scope.inputs,
            steps=steps,
            global_vars=self._scope.global_vars,
            state=self._scope.state,
            loop=loop,
            workflow=self._scope.workflow,
            now_s=self._scope.now_s,
        )
        return FrameSpec(prefix, self._graph, scope, self._ancestry)

    def _result(self) -> JsonValue:
        iterations: list[JsonValue] = [self._ended[index] for index in sorted(self._ended)]
        completed = sum(bool(each["success"]) for each in self._ended.values())
        return {
            "iterations": iterations,
            "success": all(bool(each["success"]) for each in self._ended.values()),
            "total_items": len(self._items),
            "completed_items": completed,
        }


def _kind(value: JsonValue) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
