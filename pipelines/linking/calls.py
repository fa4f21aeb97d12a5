"""Whether a step gives a pipeline what it asks for, and takes what it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from pipelines.language import Pipeline, PipelineStep, fit_input, is_template, nearest, source_path


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that does not fit; `key` is the place below the step."""

    code: str
    key: tuple[str | int, ...]
    message: str
    expected: str
    fix: str


def check_call(step: PipelineStep, called: Pipeline, label: str) -> list[Misfit]:
    """Everything about the step's `inputs` and `outputs` that does not fit the pipeline `label`. Values that are known
    only when the step runs are checked then."""
    return [
        *_unfit_inputs(step, called, label),
        *_missing_inputs(step, called, label),
        *_no_outputs(step, called, label),
    ]


def _unfit_inputs(step: PipelineStep, called: Pipeline, label: str) -> Iterable[Misfit]:
    known = {*called.inputs, *called.implied_inputs}
    for name, value in step.inputs.items():
        key = ("inputs", name)
        if name not in known:
            message = f"the pipeline {label} has no input '{name}'"
            yield Misfit("unknown_input", key, message, f"one of: {_listed(known)}", _instead(name, known, "remove it"))
            continue
        spec = called.inputs.get(name)
        if spec is None or _has_template(value):
            continue
        try:
            fit_input(value, spec)
        except ValueError as error:
            wanted = f"a value of type {spec.type}"
            yield Misfit("wrong_input", key, f"the input '{name}' of {label} {error}", wanted, "give such a value")


def _missing_inputs(step: PipelineStep, called: Pipeline, label: str) -> Iterable[Misfit]:
    if step.config.inherit_context and not step.inputs:
        return  # it gets the inputs of the pipeline around it, as far as it knows them
    for name in called.required_inputs:
        if name not in step.inputs:
            kind = called.inputs[name].type if name in called.inputs else "any"
            message = f"the pipeline {label} needs the input '{name}'"
            key = ("inputs",) if step.inputs else ("pipeline_ref",)
            yield Misfit("missing_input", key, message, f"a value of type {kind}", f"add `{name}:` under inputs")


def _no_outputs(step: PipelineStep, called: Pipeline, label: str) -> Iterable[Misfit]:
    names = {each.name for each in called.steps}
    for index, each in enumerate(step.outputs or ()):
        path = (each,) if isinstance(each, str) else source_path(each.path)
        name = str(path[0]) if path else ""
        if name not in names:
            message = f"the pipeline {label} has no step '{name}' whose result could be taken"
            fix = _instead(name, names, "name one of its steps")
            yield Misfit("missing_output", ("outputs", index), message, f"one of: {_listed(names)}", fix)


def _has_template(value: JsonValue) -> bool:
    if isinstance(value, str):
        return is_template(value)
    if isinstance(value, Mapping):
        return any(_has_template(each) for each in value.values())
    return isinstance(value, list) and any(_has_template(each) for each in value)


def _instead(name: str, known: Iterable[str], otherwise: str) -> str:
    match = nearest(name, known)
    return f"write '{match}'" if match else otherwise


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:12]) + (", ..." if len(ordered) > 12 else "") or "none"
