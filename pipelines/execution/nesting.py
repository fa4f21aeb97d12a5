"""`pipeline` steps as a composite: one frame with the inner pipeline's own inputs, results and variables."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from pipelines.execution.composite import Fail, Move, Open, Settle
from pipelines.execution.frame import Ancestry, FrameOutcome, FrameSpec
from pipelines.execution.graph import graph_of
from pipelines.language import OutputError, Pipeline, PipelineStep, Scope, render, resolve_inputs, select_outputs

MAX_DEPTH = 10


class NestingError(ValueError):
    """The inner pipeline must not be entered: too deep, too many steps, or it is inside itself."""


def enter(step: PipelineStep, child: Pipeline, ancestry: Ancestry) -> Ancestry:
    """The ancestry of the inner pipeline's steps; raises `NestingError` when it may not run here.

    A pipeline is "inside itself" when the same content is in the chain above: names may repeat, contents may not.
    """
    inner = ancestry.within(child.name, child.content_hash, len(child.steps))
    limit = min(step.config.max_depth, MAX_DEPTH)
    chain = " → ".join(inner.names)
    if child.content_hash in ancestry.hashes:
        raise NestingError(f"Circular dependency detected: {chain}")
    if inner.depth > limit:
        raise NestingError(f"Maximum nesting depth ({limit}) exceeded: current depth is {inner.depth} ({chain})")
    if inner.total_steps > step.config.max_total_steps:
        raise NestingError(
            f"Maximum total steps ({step.config.max_total_steps}) exceeded: "
            f"current total is {inner.total_steps} ({chain})"
        )
    return inner


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
        inputs=resolve_inputs(child, given),
        global_vars={**(outer.global_vars if inherits else {}), **child.global_vars},
        state=dict(child.variables),
        workflow=workflow_facts(child, outer.workflow),
        now_s=outer.now_s,
    )


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
    """One nested pipeline in the making. With inputs its result is {"result": outputs}, without it is the outputs."""

    def __init__(self, key: str, step: PipelineStep, child: Pipeline, scope: Scope, ancestry: Ancestry) -> None:
        self._key = key
        self._step = step
        self._child = child
        self._scope = scope
        self._ancestry = ancestry

    @property
    def timeout_s(self) -> float | None:
        return min(self._step.timeout_s or self._step.config.timeout_seconds, self._step.config.timeout_seconds)

    def advance(self, ended: FrameOutcome | None) -> Move:
        if ended is None:
            spec = FrameSpec(self._key, graph_of(self._child), self._scope, self._ancestry, own_state=True)
            return Open((spec,))
        if ended.error is not None:
            return Fail({**ended.error, "pipeline": " → ".join(self._ancestry.names)})
        scope = Scope(
            inputs=self._scope.inputs,
            steps=ended.results,
            global_vars=self._scope.global_vars,
            workflow=self._scope.workflow,
            now_s=self._scope.now_s,
        )
        wanted = self._step.outputs if self._step.outputs is not None else self._child.outputs
        try:
            outputs: JsonValue = select_outputs(wanted, scope)
        except OutputError as error:
            return Fail({"code": error.code, "message": str(error), "pipeline": self._child.name})
        return Settle({"result": outputs} if self._step.inputs else outputs)
