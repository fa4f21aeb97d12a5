"""What inputs are given and declared: defaults that fit their own declaration, values that fit the pipeline inside."""

from __future__ import annotations

from pipelines.language.diagnostics import Path
from pipelines.language.parts import InputSpec
from pipelines.language.pipeline import Pipeline, fit_input
from pipelines.language.steps import PipelineStep
from pipelines.language.templates import has_template

from .judging import Finding, fix_for, listed


def check_defaults(pipeline: Pipeline, findings: list[Finding]) -> None:
    """A default is what the run gets, so it has to be what a run may be given."""
    for name, spec in pipeline.inputs.items():
        if spec.default is None:
            continue
        try:
            fit_input(spec.default, spec)
        except ValueError as error:
            message = f"the default of the input '{name}' {error}"
            fix = "correct the default, or the declaration"
            findings.append(Finding("wrong_default", ("inputs", name, "default"), message, _wanted(spec), fix))


def check_given(step: PipelineStep, called: Pipeline, at: Path, findings: list[Finding]) -> None:
    """The `inputs` of a step against the pipeline that it has inside. What only the run knows is checked then."""
    asked = {*called.inputs, *called.implied_inputs}
    for name, value in step.inputs.items():
        key = (*at, "inputs", name)
        spec = called.inputs.get(name)
        if name not in asked:
            message = f"the nested pipeline has no input '{name}'"
            fix = fix_for(name, asked, "remove it, or declare it under the nested pipeline's inputs")
            severity = "warning" if called.unresolved_names == "keep" else "error"
            findings.append(Finding("unknown_input", key, message, f"one of: {listed(asked)}", fix, severity))
        elif spec is not None and not has_template(value):
            try:
                fit_input(value, spec)
            except ValueError as error:
                message = f"the input '{name}' of the nested pipeline {error}"
                findings.append(Finding("wrong_input", key, message, _wanted(spec), "give such a value"))
    if step.config.inherit_context:
        return
    for name in called.required_inputs:
        if name not in step.inputs:
            message = f"the nested pipeline needs the input '{name}'"
            findings.append(Finding("missing_input", (*at, "pipeline"), message, fix=f"add `{name}:` under inputs"))


def _wanted(spec: InputSpec) -> str:
    return f"one of: {listed(str(each) for each in spec.enum)}" if spec.enum else f"a value of type {spec.type}"
