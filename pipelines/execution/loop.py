"""`for_loop` as a composite: one frame per item, one after another or up to `max_parallel` at once."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

from msgspec.structs import replace as struct_replace
from pydantic import JsonValue

from pipelines.execution.composite import Move, Open, Settle
from pipelines.execution.frame import Ancestry, FrameOutcome, FrameSpec
from pipelines.execution.graph import graph_of_body
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
        raise LoopInputError(
            f"Data source must resolve to a list or a map; that of loop '{step.name}' is {_kind(data)}"
        )
    if len(data) > step.max_iterations:
        raise LoopInputError(
            f"loop '{step.name}' has {len(data)} items, more than its max_iterations of {step.max_iterations}"
        )
    return data


def pass_facts(outer: Mapping[str, JsonValue] | None, index: int) -> dict[str, JsonValue]:
    """What `loop.*` means in every kind of loop."""
    level = outer.get("level", 0) if outer is not None else 0
    return {
        "index": index,
        "first": index == 0,
        "level": (level if isinstance(level, int) else 0) + 1,
        "parent": dict(outer) if outer is not None else None,
    }


class LoopRun:
    """One loop in the making. A failing pass makes `success` false and (with `break_on_error`) ends the loop, not the
    run. In a sequential loop later passes also see the earlier ones' results.

    A parallel loop that ends early has the result of a sequential one: passes before the one that ended it are waited
    for, those behind it are dropped.
    """

    def __init__(self, key: str, step: ForLoopStep, items: list[JsonValue], scope: Scope, ancestry: Ancestry) -> None:
        self._key = key
        self._step = step
        self._items = items
        self._scope = scope
        self._ancestry = ancestry
        self._graph = graph_of_body(step)
        self._next = 0
        self._running = 0
        self._ended: dict[int, dict[str, JsonValue]] = {}
        self._index_of: dict[str, int] = {}
        self._earlier: dict[str, JsonValue] = {}
        self._last = len(items) - 1
        self._left_by: str | None = None

    @property
    def timeout_s(self) -> float | None:
        return self._step.timeout_s

    def advance(self, ended: FrameOutcome | None) -> Move:
        if ended is not None:
            self._running -= 1
            self._take(ended)
        frames = self._begin_passes()
        return Settle(self._result()) if self._is_done() else Open(tuple(frames))

    def _is_done(self) -> bool:
        if self._left_by is None:  # asked once a pass: it must not go over all of them
            return len(self._ended) == len(self._items)
        return all(index in self._ended for index in range(self._last + 1))

    def _begin_passes(self) -> list[FrameSpec]:
        limit = self._step.max_parallel if self._step.parallel else 1
        frames: list[FrameSpec] = []
        while self._next <= self._last and self._running < limit and self._may_begin(self._next):
            frame = self._frame(self._next)
            self._next += 1
            if self._is_left_out(frame):
                continue
            if not self._step.steps:  # a frame without steps would never end
                self._take(FrameOutcome(frame.prefix, {}, frame.scope))
                continue
            self._running += 1
            frames.append(frame)
        return frames

    def _may_begin(self, index: int) -> bool:
        """Whether the batch before that of this pass is done."""
        size = self._step.batch_size
        return size is None or len(self._ended) >= index - index % size

    def _is_left_out(self, frame: FrameSpec) -> bool:
        condition = self._step.continue_condition
        if condition is None:
            return False
        index = self._index_of[frame.prefix]
        iteration: dict[str, JsonValue] = {"index": index, "item": self._items[index], "success": True}
        try:
            if not evaluate(condition, frame.scope):
                return False
            iteration["skipped"] = True
        except (ConditionError, TemplateError) as error:
            self._blame(iteration, index, "continue_condition", error)
        self._ended[index] = iteration
        return True

    def _take(self, ended: FrameOutcome) -> None:
        index = self._index_of[ended.prefix]
        iteration: dict[str, JsonValue] = {"index": index, "item": self._items[index], "success": ended.error is None}
        self._ended[index] = iteration
        if ended.error is not None:
            iteration["error"] = ended.error
            if self._step.break_on_error:
                self._end_with(index, "error")
            return
        iteration["results"] = dict(ended.results)
        if ended.left_by is not None:
            iteration["left_by"] = ended.left_by
        if not self._step.parallel:
            self._earlier.update(ended.results)
        if ended.left_by == "break":
            self._end_with(index, "break")
        elif self._step.break_condition is not None:
            try:
                if evaluate(self._step.break_condition, ended.scope):
                    self._end_with(index, "break_condition")
            except (ConditionError, TemplateError) as error:
                self._blame(iteration, index, "break_condition", error)

    def _blame(
        self, iteration: dict[str, JsonValue], index: int, key: str, error: ConditionError | TemplateError
    ) -> None:
        iteration["success"] = False
        iteration["error"] = {"code": error.code, "message": f"{key}: {error}"}
        self._end_with(index, "error")

    def _end_with(self, index: int, why: str) -> None:
        if index <= self._last:
            self._last, self._left_by = index, why

    def _frame(self, index: int) -> FrameSpec:
        total = len(self._items)
        loop: dict[str, JsonValue] = {
            **pass_facts(self._scope.loop, index),
            "total": total,
            "last": index == total - 1,
            self._step.iterator: self._items[index],
        }
        prefix = f"{self._key}[{index}]"
        self._index_of[prefix] = index
        steps = ChainMap(dict(self._earlier), self._scope.steps) if self._earlier else self._scope.steps  # pyright: ignore[reportArgumentType]
        return FrameSpec(prefix, self._graph, struct_replace(self._scope, steps=steps, loop=loop), self._ancestry)

    def _result(self) -> JsonValue:
        passes = [self._ended[index] for index in range(self._last + 1)]
        result: dict[str, JsonValue] = {
            "iterations": list[JsonValue](passes),
            "success": all(bool(each["success"]) for each in passes),
            "total_items": len(self._items),
            "completed_items": sum(bool(each["success"]) for each in passes),
        }
        if self._step.parallel:
            result |= {"parallel": True, "max_parallel": self._step.max_parallel}
        if self._left_by is not None:
            result["left_by"] = self._left_by
        if self._step.batch_size is not None:
            result["batches_processed"] = -(-len(passes) // self._step.batch_size)
        return result


def _kind(value: JsonValue) -> str:
    words = {"NoneType": "null", "str": "text", "bool": "true or false", "int": "a number", "float": "a number"}
    return words.get(type(value).__name__, f"a {type(value).__name__}")
