"""What must hold beyond shapes: names that exist, no cycles, nothing that leaves the workspace."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pipelines.language.diagnostics import MOST_FINDINGS, Path
from pipelines.language.pipeline import Pipeline
from pipelines.language.references import (
    function_steps,
    inner_names,
    visible_names,
    written_variables,
)
from pipelines.language.steps import (
    ApprovalStep,
    BaseStep,
    BreakStep,
    CodebaseQueryStep,
    ContinueStep,
    DataTransformStep,
    FileOpsStep,
    ForLoopStep,
    FunctionsStep,
    PipelineStep,
    WaitingStep,
    WhileLoopStep,
)
from pipelines.language.templates import is_template

from .inputs import check_defaults, check_given
from .judging import Finding, Names, Surroundings, fix_for
from .names import check_names
from .options import check_claude_options, check_fields, check_functions, check_inside, check_operations, check_provider
from .reading import check_cycles, check_depends_on, check_outputs, check_references

COMPOSITE_TYPES: Final = frozenset(
    {
        "for_loop", "while_loop", "break", "continue", "switch", "pipeline", "pipeline_executor",
        "parallel_pipeline_executor",
    }
)  # fmt: skip


def check_pipeline(pipeline: Pipeline, around: Surroundings) -> list[Finding]:
    """Everything that does not hold."""
    findings: list[Finding] = []
    names = Names(
        steps=set(visible_names(pipeline.steps)),
        functions=frozenset(pipeline.gemini_functions),
        around=around,
        variables=frozenset(pipeline.variables).union(*(written_variables(step) for step in pipeline.all_steps)),
        at_the_end=visible_names(pipeline.finally_),
        inputs=frozenset(pipeline.inputs),
        global_vars=frozenset(pipeline.global_vars),
        lenient=pipeline.unresolved_names == "keep",
        inside={name: step.name for step in pipeline.all_steps for name in inner_names(step) - step.local_names},
    )
    taken: dict[str, Path] = {}
    check_names(pipeline.steps, ("steps",), taken, findings)
    check_names(pipeline.finally_, ("finally",), taken, findings)
    for index, step in enumerate(pipeline.steps):
        if len(findings) > MOST_FINDINGS:
            break
        _check_step(step, ("steps", index), names, findings)
    at_the_end = replace(names, steps=names.steps | names.at_the_end, at_the_end=frozenset())
    for index, step in enumerate(pipeline.finally_):
        _check_step(step, ("finally", index), at_the_end, findings)
    check_cycles(pipeline.dependency_graph, pipeline.steps, ("steps",), findings)
    check_cycles(pipeline.finally_graph, pipeline.finally_, ("finally",), findings)
    check_outputs(pipeline, names, findings)
    check_defaults(pipeline, findings)
    check_functions(pipeline, names, findings)
    for key, path in (
        (("output_dir",), pipeline.output_dir),
        (("defaults", "output_dir"), pipeline.defaults.get("output_dir")),
    ):
        check_inside(path if isinstance(path, str) else None, key, findings)
    return findings


def _check_step(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    check_references(step, at, names, findings)
    check_depends_on(step, at, names, findings)
    _check_own(step, at, names, findings)


def _check_own(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    """What its type asks for, and what holds for all of them."""
    match step:
        case FileOpsStep():
            for key in ("path", "source", "destination"):
                check_inside(getattr(step, key), (*at, key), findings)
            for index, file in enumerate(step.files):
                check_inside(file.path, (*at, "files", index, "path"), findings)
        case CodebaseQueryStep():
            check_inside(step.path, (*at, "path"), findings)
        case DataTransformStep():
            check_operations(step, at, names, findings)
        case ApprovalStep() if step.fields is not None:
            check_fields(step.fields, (*at, "fields"), findings)
        case FunctionsStep():
            _check_functions(step, at, names, findings)
        case PipelineStep():
            _check_nested(step, at, names, findings)
        case BreakStep() | ContinueStep() if not names.in_loop:
            message = f"'{step.type}' has no loop to leave"
            findings.append(Finding("loop_outside", (*at, "type"), message, fix="move the step into a loop"))
        case WhileLoopStep() if step.condition is None:
            message = f"Step '{step.name}': While loop requires 'condition' field"
            findings.append(Finding("missing", at, message, "a condition", "add `condition:`"))
        case _:
            pass
    _check_bodies(step, at, names, findings)
    check_claude_options(step, at, findings)
    check_provider(step, at, names, findings)
    check_inside(step.output_to_file, (*at, "output_to_file"), findings)


def _check_bodies(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    in_loop = names.in_loop or isinstance(step, ForLoopStep | WhileLoopStep)
    for body, steps in step.bodies():
        inner = replace(
            names,
            steps=names.steps | visible_names(steps),
            iterators=names.iterators | step.local_names,
            in_loop=in_loop,
        )
        for index, each in enumerate(steps):
            _check_step(each, (*at, *body, index), inner, findings)


def _check_functions(step: FunctionsStep, at: Path, names: Names, findings: list[Finding]) -> None:
    seen: set[str] = set()
    for key in ("functions", "tools"):
        for index, function in enumerate(getattr(step, key)):
            where = (*at, key, index)
            if isinstance(function, str):
                fix = fix_for(function, names.functions, "declare it under gemini_functions")
                message = f"Step '{step.name}' references undefined function: {function}"
                findings.append(Finding("missing_function", where, message, fix=fix))
            elif function.name in seen:
                message = f"the function '{function.name}' is there twice"
                findings.append(Finding("duplicate_function", where, message, fix="leave one of them out"))
            else:
                seen.add(function.name)
    for key, inner in function_steps(step):
        kind = getattr(inner, "type", "")
        if kind in COMPOSITE_TYPES or isinstance(inner, WaitingStep):
            message = f"{'an' if kind == 'approval' else 'a'} {kind} step cannot answer a function call"
            fix = "use a step that consists of no others"
            if isinstance(inner, WaitingStep):
                # After a crash the calls begin again: what a person answered would belong to another call.
                fix = "let a step of its own wait, before this one or behind it"
            findings.append(Finding("function_step", (*at, *key, "type"), message, fix=fix))
        # Its references are the outer step's, and judged there.
        _check_own(inner, (*at, *key), names, findings)


def _check_nested(step: PipelineStep, at: Path, names: Names, findings: list[Finding]) -> None:
    file, known = step.pipeline_file, names.around.pipelines
    if file is not None and known is not None and not is_template(file) and file not in known:
        message = f"there is no pipeline file '{file}'"
        findings.append(
            Finding("missing_pipeline", (*at, "pipeline_file"), message, fix=fix_for(file, known, "check the path"))
        )
    if step.pipeline is None:
        return
    inner = check_pipeline(step.pipeline, names.around)
    findings += [replace(each, key=(*at, "pipeline", *each.key)) for each in inner]
    check_given(step, step.pipeline, at, findings)
