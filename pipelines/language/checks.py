"""What must hold beyond shapes: names that exist, no cycles, nothing that leaves the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from .diagnostics import MOST_FINDINGS, Path, key_path_text
from .judging import Finding, Names, Surroundings, fix_for, judge, judge_step, listed
from .parts import OutputPath
from .pipeline import Pipeline, dependencies
from .references import (
    find_cycle,
    function_steps,
    inner_names,
    references,
    template_references,
    visible_names,
    written_variables,
)
from .scope import ROOTS, parse_path
from .steps import (
    BaseStep,
    BreakStep,
    ClaudeBatchStep,
    CodebaseQueryStep,
    ContinueStep,
    DataTransformStep,
    FileOpsStep,
    ForLoopStep,
    FunctionsStep,
    ParallelClaudeStep,
    PipelineStep,
    SwitchStep,
    WhileLoopStep,
)
from .templates import is_template

TRANSFORM_OPERATIONS: Final = ("filter", "map", "aggregate", "join", "group_by", "sort")
COMPOSITE_TYPES: Final = frozenset(
    {
        "for_loop", "while_loop", "break", "continue", "switch", "pipeline", "pipeline_executor",
        "parallel_pipeline_executor",
    }
)  # fmt: skip
CLAUDE_OPTIONS: Final = frozenset(
    {
        "max_turns", "allowed_tools", "disallowed_tools", "system_prompt", "append_system_prompt", "verbose", "cwd",
        "model", "fallback_model", "output_format", "print", "timeout_ms", "timeout", "retry_config", "debug_mode",
        "telemetry_enabled", "cost_tracking", "agents", "hooks", "mcp_servers", "mcp_config", "permission_mode",
        "memory_config", "enable_skills", "enable_context_management", "setting_sources", "session_id", "resume",
        "resume_session",
        "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream", "async_streaming", "preset",
        "add_dirs", "max_thinking_tokens", "effort", "max_budget_usd", "include_partial_messages", "environment",
        "env", "sandbox", "skills", "plugins", "betas", "context_management", "output_schema", "thinking",
    }
)  # fmt: skip


_ADVICE: Final = {
    "template": ("an expression over inputs, steps, state, global_vars or loop", "correct the expression"),
    "condition": ("a comparison such as steps.a.result == 'x'", "correct the condition"),
}


def check_pipeline(pipeline: Pipeline, around: Surroundings) -> list[Finding]:
    """Everything that does not hold."""
    findings: list[Finding] = []
    names = Names(
        steps=set(visible_names(pipeline.steps)),
        functions=frozenset(pipeline.gemini_functions),
        around=around,
        variables=frozenset(pipeline.variables).union(*(written_variables(step) for step in pipeline.steps)),
        inputs=frozenset(pipeline.inputs),
        global_vars=frozenset(pipeline.global_vars),
        lenient=pipeline.unresolved_names == "keep",
    )
    _check_names(pipeline.steps, ("steps",), {}, findings)
    for index, step in enumerate(pipeline.steps):
        if len(findings) > MOST_FINDINGS:
            break
        _check_step(step, ("steps", index), names, findings)
    _check_cycles(pipeline.dependency_graph, pipeline.steps, ("steps",), findings)
    _check_outputs(pipeline, names, findings)
    for key, path in (
        (("output_dir",), pipeline.output_dir),
        (("defaults", "output_dir"), pipeline.defaults.get("output_dir")),
    ):
        _check_inside(path if isinstance(path, str) else None, key, findings)
    return findings


def _check_names(steps: Sequence[BaseStep], at: Path, seen: dict[str, Path], findings: list[Finding]) -> None:
    for index, step in enumerate(steps):
        key = (*at, index)
        if step.name in seen:
            fix = f"rename one; '{step.name}_2' is free"
            message = f"duplicate step name '{step.name}' (first: {key_path_text(seen[step.name])})"
            findings.append(Finding("duplicate_step", (*key, "name"), message, "each name once", fix))
        elif step.name in ROOTS:
            findings.append(
                Finding(
                    "reserved_name", (*key, "name"), f"'{step.name}' has a meaning of its own", fix="rename the step"
                )
            )
        else:
            seen[step.name] = key
        inside = dict(seen)
        for body, inner in step.bodies():
            branch = dict(seen)
            _check_names(inner, (*key, *body), branch, findings)
            inside |= branch
        if isinstance(step, SwitchStep):
            seen |= inside


def _check_step(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    _check_references(step, at, names, findings)
    _check_depends_on(step, at, names, findings)
    _check_own(step, at, names, findings)


def _check_own(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    """What its type asks for, and what holds for all of them."""
    match step:
        case FileOpsStep():
            for key in ("path", "source", "destination"):
                _check_inside(getattr(step, key), (*at, key), findings)
            for index, file in enumerate(step.files):
                _check_inside(file.path, (*at, "files", index, "path"), findings)
        case CodebaseQueryStep():
            _check_inside(step.path, (*at, "path"), findings)
        case DataTransformStep():
            _check_operations(step, at, findings)
        case FunctionsStep():
            _check_functions(step, at, names, findings)
        case PipelineStep():
            _check_nested(step, at, names.around, findings)
        case BreakStep() | ContinueStep() if not names.in_loop:
            message = f"'{step.type}' has no loop to leave"
            findings.append(Finding("loop_outside", (*at, "type"), message, fix="move the step into a loop"))
        case WhileLoopStep() if step.condition is None:
            message = f"Step '{step.name}': While loop requires 'condition' field"
            findings.append(Finding("missing", at, message, "a condition", "add `condition:`"))
        case _:
            pass
    _check_bodies(step, at, names, findings)
    _check_claude_options(step, at, findings)
    _check_provider(step, at, names, findings)
    _check_inside(step.output_to_file, (*at, "output_to_file"), findings)


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
                findings.append(Finding("missing_function", where, f"there is no function '{function}'", fix=fix))
            elif function.name in seen:
                message = f"the function '{function.name}' is there twice"
                findings.append(Finding("duplicate_function", where, message, fix="leave one of them out"))
            else:
                seen.add(function.name)
    for key, inner in function_steps(step):
        kind = getattr(inner, "type", "")
        if kind in COMPOSITE_TYPES:
            message = f"a {kind} step cannot answer a function call"
            fix = "use a step that consists of no others"
            findings.append(Finding("function_step", (*at, *key, "type"), message, fix=fix))
        # Its references are the outer step's, and judged there.
        _check_own(inner, (*at, *key), names, findings)


def _check_references(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    found, problems = references(step)
    inside = tuple(body for body, _ in step.bodies())
    for problem in problems:
        if not _is_under(problem.key, inside):
            found_here = Finding(
                problem.code, (*at, *problem.key), problem.reason, *_ADVICE.get(problem.code, ("", ""))
            )
            findings.append(_softened(found_here) if names.lenient and problem.code == "template" else found_here)
    own = inner_names(step)
    told: set[tuple[str, Path]] = set()
    for each in found:
        if _is_under(each.key, inside):
            continue
        finding = judge(each, step, at, names, own)
        if finding and (finding.message, finding.key) not in told:
            told.add((finding.message, finding.key))
            soft = names.lenient and each.kind == "template" and not _is_part(each.path, step)
            findings.append(_softened(finding) if soft else finding)


def _softened(finding: Finding) -> Finding:
    """A fault of a template as a warning, where pipeline_ex's rules for such names hold."""
    return replace(finding, severity="warning", message=f"{finding.message}; it is rendered as pipeline_ex does")


def _is_part(path: Sequence[str | int], step: BaseStep) -> bool:
    """Whether a prompt part of the step names this step: pipeline_ex does not let that pass either."""
    parts = getattr(step, "prompt_parts", ())
    return len(path) > 1 and path[0] == "steps" and any(getattr(part, "step", None) == path[1] for part in parts)


def _is_under(key: Path, bodies: tuple[Path, ...]) -> bool:
    return any(key[: len(body)] == body for body in bodies)


def _check_depends_on(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    for index, name in enumerate(step.depends_on):
        finding = judge_step(name, step, (*at, "depends_on", index), names)
        if finding:
            findings.append(finding)


def _check_cycles(
    graph: Mapping[str, frozenset[str]], steps: Sequence[BaseStep], at: Path, findings: list[Finding]
) -> None:
    without_self = {name: waits - {name} for name, waits in graph.items()}
    cycle = find_cycle(without_self)
    if cycle:
        index = next(i for i, step in enumerate(steps) if step.name == cycle[0])
        chain = " → ".join(cycle)
        message = f"the steps wait for each other: {chain}"
        findings.append(
            Finding("cycle", (*at, index), message, "steps without a circle", "remove one of these references")
        )
    for index, step in enumerate(steps):
        for number, (body, inner) in enumerate(step.bodies()):
            _check_cycles(dependencies(step, number), inner, (*at, index, *body), findings)


def _check_outputs(pipeline: Pipeline, names: Names, findings: list[Finding]) -> None:
    if isinstance(pipeline.outputs, Mapping):
        found, problems = template_references(pipeline.outputs, ("outputs",))
        findings += [Finding(each.code, each.key, each.reason, *_ADVICE["template"]) for each in problems]
        for each in found:
            finding = judge(each, None, (), names, frozenset())
            if finding:
                findings.append(finding)
        return
    for index, each in enumerate(pipeline.outputs or ()):
        name = str(parse_path(each.path)[0]) if isinstance(each, OutputPath) and parse_path(each.path) else each
        if name not in names.steps:
            fix = fix_for(str(name), names.steps, "name a step")
            findings.append(Finding("missing_step", ("outputs", index), f"there is no step '{name}'", fix=fix))


def _check_provider(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    known, provider = names.around.providers, step.provider
    if known is None or provider is None or provider in known or is_template(provider):
        return
    fix = fix_for(provider, known, "leave `provider` out to let the node's routes choose")
    message = f"there is no provider '{provider}'"
    findings.append(Finding("missing_provider", (*at, "provider"), message, f"one of: {listed(known)}", fix))


def _check_operations(step: DataTransformStep, at: Path, findings: list[Finding]) -> None:
    for index, operation in enumerate(step.operations):
        name = operation.get("operation")
        key = (*at, "operations", index)
        if name is None:
            fix = f"add `operation:` (one of {', '.join(TRANSFORM_OPERATIONS)})"
            findings.append(Finding("missing", key, "the operation has no 'operation' key", fix=fix))
        elif name not in TRANSFORM_OPERATIONS:
            fix = fix_for(str(name), TRANSFORM_OPERATIONS, "")
            expected = f"one of: {', '.join(TRANSFORM_OPERATIONS)}"
            findings.append(
                Finding("unknown_operation", (*key, "operation"), f"Unknown operation: {name}", expected, fix)
            )


def _check_nested(step: PipelineStep, at: Path, around: Surroundings, findings: list[Finding]) -> None:
    file, known = step.pipeline_file, around.pipelines
    if file is not None and known is not None and not is_template(file) and file not in known:
        message = f"there is no pipeline file '{file}'"
        findings.append(
            Finding("missing_pipeline", (*at, "pipeline_file"), message, fix=fix_for(file, known, "check the path"))
        )
    if step.pipeline is None:
        return
    inner = check_pipeline(step.pipeline, around)
    findings += [replace(each, key=(*at, "pipeline", *each.key)) for each in inner]
    if step.config.inherit_context:
        return
    for name in step.pipeline.required_inputs:
        if name not in step.inputs:
            message = f"the nested pipeline needs the input '{name}'"
            findings.append(Finding("missing_input", (*at, "pipeline"), message, fix=f"add `{name}:` under inputs"))


def _check_claude_options(step: BaseStep, at: Path, findings: list[Finding]) -> None:
    holders: list[tuple[Path, object]] = [(at, step)]
    if isinstance(step, ClaudeBatchStep):
        holders += [((*at, "tasks", i), task) for i, task in enumerate(step.tasks)]
    if isinstance(step, ParallelClaudeStep):
        holders += [((*at, "parallel_tasks", i), task) for i, task in enumerate(step.parallel_tasks)]
    for key, holder in holders:
        options: Mapping[str, object] = getattr(holder, "claude_options", None) or {}
        for name in options:
            if name not in CLAUDE_OPTIONS:
                fix = fix_for(name, CLAUDE_OPTIONS, "remove it")
                message = f"unknown key '{name}'"
                findings.append(Finding("extra_forbidden", (*key, "claude_options", name), message, fix=fix))


def _check_inside(path: str | None, key: Path, findings: list[Finding]) -> None:
    if path is None or is_template(path):
        return
    if path.startswith(("/", "~")) or "\\" in path or ".." in path.split("/"):
        findings.append(
            Finding(
                "path_escapes",
                key,
                f"the path '{path}' leaves the workspace",
                "a path inside the workspace, relative to it",
                "put the file into the workspace and name it without '..' or a leading '/'",
            )
        )
