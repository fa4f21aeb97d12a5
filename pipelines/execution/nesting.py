"""`pipeline` steps as a composite: one frame with the inner pipeline's own inputs, results and variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import JsonValue

from pipelines.execution.composite import Fail, Move, Open, Settle
from pipelines.execution.frame import Ancestry, FrameOutcome, frame_of
from pipelines.execution.limits import LimitReachedError, out_of_time, tightest
from pipelines.execution.resources import resource_breach
from pipelines.language import (
    NestingConfig,
    OutputError,
    Pipeline,
    PipelineStep,
    Scope,
    render,
    resolve_inputs,
    select_outputs,
)

MAX_DEPTH = 10


class NestingError(ValueError):
    """The inner pipeline must not be entered: it is inside itself."""


def enter(step: PipelineStep, child: Pipeline, ancestry: Ancestry) -> Ancestry:
    """The ancestry of the inner pipeline's steps. Raises `NestingError`, or `LimitReachedError` when that is deeper, or
    holds more steps, than this step or a pipeline around it allows.

    A pipeline is "inside itself" when the same content is in the chain above: names may repeat, contents may not.
    """
    inner = ancestry.within(child.name, child.content_hash, len(child.steps))
    here = ancestry.bounded(min(step.config.max_depth, MAX_DEPTH), step.config.max_total_steps)
    limit, most = here.deepest, here.most_steps
    assert limit is not None and most is not None
    chain = " → ".join(inner.names)
    if child.content_hash in ancestry.hashes:
        raise NestingError(f"Circular dependency detected: {chain}")
    if inner.depth > limit:
        message = f"Maximum nesting depth ({limit}) exceeded: current depth is {inner.depth} ({chain})"
        raise LimitReachedError(message, limit="max_depth", value=limit, spent=ancestry.depth, pipelines=inner.names)
    if inner.total_steps > most:
        message = f"Maximum total steps ({most}) exceeded: current total is {inner.total_steps} ({chain})"
        raise LimitReachedError(
            message, limit="max_total_steps", value=most, spent=ancestry.total_steps, pipelines=inner.names
        )
    own = child.limits.max_depth
    return inner.bounded(limit, most).bounded(None if own is None else inner.depth + own)


def inner_scope(step: PipelineStep, child: Pipeline, outer: Scope) -> Scope:
    """What the inner pipeline's steps may see: its own inputs and variables, and nothing of the outer one unless it
    inherits. Raises `TemplateError` or `InvalidInputsError`."""
    inherits = step.config.inherit_context
    given = render(dict(step.inputs), outer)
    assert isinstance(given, dict)
    if inherits and not step.inputs:
        known = {*child.inputs, *child.implied_inputs}
        given = {name: value for name, value in outer.inputs.items() if name in known}
    return Scope(
        # What pipeline_ex's files give too much was told when the file was loaded.
        inputs=resolve_inputs(child, given, others=child.unresolved_names == "keep"),
        global_vars={**(outer.global_vars if inherits else {}), **child.global_vars},
        state=dict(child.variables),
        workflow=workflow_facts(child, outer.workflow),
        now_s=outer.now_s,
    )


def longest_s(config: NestingConfig, child: Pipeline) -> float | None:
    """The `max_seconds` of the step and of the pipeline in it, the shorter one."""
    said = [each for each in (config.max_seconds, child.limits.max_seconds) if each is not None]
    return min(said) if said else None


def workflow_facts(pipeline: Pipeline, outer: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What `workflow.*` means inside `pipeline`."""
    own: dict[str, JsonValue] = {
        "name": pipeline.name,
        "description": pipeline.description,
        "version": pipeline.version,
        "unresolved_names": pipeline.unresolved_names,
    }
    if pipeline.output_directory is not None:
        own["output_dir"] = pipeline.output_directory
    return {**outer, **own}


class NestedRun:
    """One nested pipeline in the making. With inputs its result is {"result": outputs}, without it is the outputs.

    `ran_s` is for how long it has been at work, in a former life of the run. `memory_bytes` gives the process's memory.
    """

    def __init__(
        self,
        key: str,
        step: PipelineStep,
        child: Pipeline,
        scope: Scope,
        ancestry: Ancestry,
        *,
        ran_s: float = 0.0,
        memory_bytes: Callable[[], float] | None = None,
    ) -> None:
        self._key = key
        self._step = step
        self._child = child
        self._scope = scope
        self._ancestry = ancestry
        self._ran_s = ran_s
        self._memory_bytes = memory_bytes if step.config.memory_limit_mb is not None else None
        self._memory_before = 0.0 if self._memory_bytes is None else self._memory_bytes()

    @property
    def timeout_s(self) -> float | None:
        config, most = self._step.config, longest_s(self._step.config, self._child)
        older = min(self._step.timeout_s or config.longest_s, config.longest_s)
        return older if most is None else min(older, max(0.0, most - self._ran_s))

    def time_limit(self) -> LimitReachedError | None:
        """What is told when its time is over: the `max_seconds` that ended it, None for another timeout."""
        most, given = longest_s(self._step.config, self._child), self.timeout_s
        if most is None or given is None or given < most - self._ran_s:
            return None
        return out_of_time(most, most, self._ancestry.names, self._key)

    def advance(self, ended: FrameOutcome | None) -> Move:
        if ended is None:
            limits = tightest(self._step.config.limits, self._child.limits)
            return Open((frame_of(self._child, self._key, self._scope, self._ancestry, {self._key: limits}),))
        if ended.error is not None:
            return Fail({**ended.error, "pipeline": " → ".join(self._ancestry.names)})
        if self._memory_bytes is not None:
            limit_mb, grown = self._step.config.memory_limit_mb, self._memory_bytes() - self._memory_before
            breach = resource_breach(memory_bytes=grown, memory_limit_mb=limit_mb)
            if breach is not None:
                names = self._ancestry.names
                over = LimitReachedError(breach, limit="memory_limit_mb", value=limit_mb, spent=grown, pipelines=names)
                return Fail(over.error(self._key, "pipeline"))
        wanted = self._step.outputs if self._step.outputs is not None else self._child.outputs
        try:
            outputs: JsonValue = select_outputs(wanted, ended.scope)
        except OutputError as error:
            return Fail({"code": error.code, "message": str(error), "pipeline": self._child.name})
        return Settle({"result": outputs} if self._step.inputs else outputs)
