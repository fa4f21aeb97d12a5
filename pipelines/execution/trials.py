"""The executors as a composite: a frame for each pipeline that may run, and what all of them came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace as struct_replace
from pydantic import JsonValue

from pipelines.execution.composite import Fail, Move, Open, Settle
from pipelines.execution.frame import Ancestry, FrameOutcome, FrameSpec, frame_of
from pipelines.execution.limits import LimitReachedError, out_of_time
from pipelines.execution.spending import Spending
from pipelines.language import (
    ExecutorStep,
    OutputError,
    ParallelPipelineExecutorStep,
    Pipeline,
    Scope,
    select_outputs,
)


@dataclass(frozen=True, slots=True)
class Trial:
    """A pipeline that may run."""

    pipeline: Pipeline
    scope: Scope
    ancestry: Ancestry


@dataclass(frozen=True, slots=True)
class Refused:
    """A pipeline that may not, and why."""

    name: str
    error: dict[str, JsonValue]


class TrialsRun:
    """One executor step in the making. A pipeline that fails or was refused has a result that says so; results stand in
    the order of the pipelines."""

    def __init__(
        self, key: str, step: ExecutorStep, trials: tuple[Trial | Refused, ...], *, ran_s: float = 0.0
    ) -> None:
        self._key = key
        self._step = step
        self._trials = trials
        self._ran_s = ran_s
        self._next = 0
        self._running = 0
        self._results: dict[int, dict[str, JsonValue]] = {}
        self._index_of: dict[str, int] = {}

    @property
    def timeout_s(self) -> float | None:
        config = self._step.config
        older = min(self._step.timeout_s or config.longest_s, config.longest_s)
        return older if config.max_seconds is None else min(older, max(0.0, config.max_seconds - self._ran_s))

    def time_limit(self) -> LimitReachedError | None:
        """What is told when its time is over: its `max_seconds`, None for another timeout."""
        most, given = self._step.config.max_seconds, self.timeout_s
        if most is None or given is None or given < most - self._ran_s:
            return None
        names = tuple(each.pipeline.name if isinstance(each, Trial) else each.name for each in self._trials)
        return out_of_time(most, most, names, self._key)

    def advance(self, ended: FrameOutcome | None) -> Move:
        if ended is not None:
            self._running -= 1
            index = self._index_of[ended.prefix]
            trial = self._trials[index]
            assert isinstance(trial, Trial)
            self._results[index] = _result(trial.pipeline, ended)
        limit = self._step.max_parallel if isinstance(self._step, ParallelPipelineExecutorStep) else 1
        frames: list[FrameSpec] = []
        while self._next < len(self._trials) and self._running < limit:
            frame = self._begin(self._next)
            self._next += 1
            if frame is not None:
                self._running += 1
                frames.append(frame)
        return self._settle() if len(self._results) == len(self._trials) else Open(tuple(frames))

    def _begin(self, index: int) -> FrameSpec | None:
        trial = self._trials[index]
        if isinstance(trial, Refused):
            self._results[index] = _failed(trial.name, trial.error, 0.0)
            return None
        prefix = f"{self._key}[{index}]"
        self._index_of[prefix] = index
        limits = {self._key: self._step.config.limits, prefix: trial.pipeline.limits}
        spec = frame_of(trial.pipeline, prefix, trial.scope, trial.ancestry, limits)
        return struct_replace(spec, max_seconds=trial.pipeline.limits.max_seconds)

    def _settle(self) -> Move:
        results = [self._results[index] for index in range(len(self._trials))]
        if self._step.require_success and not any(each["success"] for each in results):
            error = results[0]["error"] if results else None
            first = error if isinstance(error, dict) else {"code": "no_pipeline", "message": "there was none to run"}
            return Fail({**first, "step": self._step.name})
        if not isinstance(self._step, ParallelPipelineExecutorStep):
            return Settle({**results[0]})
        return Settle(compared(results))


def compared(results: list[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    """Several results with their order: success first, then `fitness`, then money, then tokens, then the given order.
    `winner` is the definition's name, null when none succeeded."""
    order = sorted(range(len(results)), key=lambda index: _rank(results[index]))
    best = order[0] if order and results[order[0]]["success"] else None
    return {
        "success": best is not None,
        "results": list[JsonValue](results),
        "ranking": list[JsonValue](order),
        "winner": None if best is None else results[best]["pipeline"],
        "winner_index": best,
        "succeeded": sum(bool(each["success"]) for each in results),
        "total": len(results),
    }


def _rank(result: Mapping[str, JsonValue]) -> tuple[bool, float, Decimal, int]:
    spent, fitness = result["spent"], result["fitness"]
    assert isinstance(spent, Mapping) and isinstance(fitness, float)
    tokens = sum(each for key in ("input_tokens", "output_tokens") if isinstance(each := spent.get(key), int))
    return not result["success"], -fitness, Decimal(str(spent.get("cost_usd") or 0)), tokens


def _result(pipeline: Pipeline, ended: FrameOutcome) -> dict[str, JsonValue]:
    done = sum(not (isinstance(each, Mapping) and each.get("success") is False) for each in ended.results.values())
    spent = Spending()
    spent.add_all(ended.results.values())
    facts: dict[str, JsonValue] = {"spent": {**spent.usage, "cost_usd": spent.cost_usd}}
    error = ended.error
    if error is None:
        try:
            outputs: JsonValue = select_outputs(pipeline.outputs, ended.scope)
        except OutputError as missing:
            error = dict[str, JsonValue](code=missing.code, message=str(missing))
        else:
            fitness = done / len(pipeline.steps)
            told: dict[str, JsonValue] = {"pipeline": pipeline.name, "success": True, "error": None}
            return {**told, "outputs": outputs, "result": outputs, "fitness": fitness, **facts}
    return {**_failed(pipeline.name, error, done / (len(pipeline.steps) + 1)), **facts}


def _failed(name: str, error: dict[str, JsonValue], fitness: float) -> dict[str, JsonValue]:
    spent: dict[str, JsonValue] = {"input_tokens": 0, "output_tokens": 0, "cost_usd": None}
    told: dict[str, JsonValue] = {"pipeline": name, "success": False, "error": error}
    return {**told, "outputs": {}, "fitness": fitness, "spent": spent}
