"""What must hold beyond shapes: names that exist, no cycles, nothing that leaves the workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .diagnostics import Path, key_path_text, nearest
from .parts import OutputPath
from .pipeline import Pipeline, dependencies
from .references import Reference, find_cycle, inner_names, references, written_variables
from .scope import LOOP_FACTS, ROOTS, parse_path
from .steps import (
    BaseStep,
    DataTransformStep,
    FileOpsStep,
    ForLoopStep,
    GeminiStep,
    ParallelClaudeStep,
    PipelineStep,
)
from .templates import is_template

TRANSFORM_OPERATIONS: Final = ("filter", "map", "aggregate", "join", "group_by", "sort")
CLAUDE_OPTIONS: Final = frozenset(
    {
        "max_turns", "allowed_tools", "disallowed_tools", "system_prompt", "append_system_prompt", "verbose", "cwd",
        "model", "fallback_model", "output_format", "print", "timeout_ms", "timeout", "retry_config", "debug_mode",
        "telemetry_enabled", "cost_tracking", "agents", "hooks", "mcp_servers", "mcp_config", "permission_mode",
        "memory_config", "enable_skills", "enable_context_management", "setting_sources", "session_id", "resume",
        "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream", "async_streaming", "preset",
        "add_dirs", "max_thinking_tokens", "effort", "max_budget_usd", "include_partial_messages", "environment",
        "env", "sandbox", "skills", "plugins", "betas", "context_management", "output_schema", "thinking",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold, at a key of the canonical map."""

    code: str
    key: Path
    message: str
    expected: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What a reference may mean at one place of a pipeline."""

    steps: set[str]
    functions: frozenset[str]
    files: frozenset[str] | None
    variables: frozenset[str]
    inputs: frozenset[str]
    global_vars: frozenset[str]
    iterators: frozenset[str] = frozenset()


def check_pipeline(pipeline: Pipeline, known_pipelines: Iterable[str] | None) -> list[Finding]:
    """Everything that does not hold."""
    findings: list[Finding] = []
    names = Names(
        steps={step.name for step in pipeline.steps},
        functions=frozenset(pipeline.gemini_functions),
        files=None if known_pipelines is None else frozenset(known_pipelines),
        variables=frozenset(pipeline.variables).union(*(written_variables(step) for step in pipeline.steps)),
        inputs=frozenset(pipeline.inputs),
        global_vars=frozenset(pipeline.global_vars),
    )
    _check_names(pipeline.steps, ("steps",), {}, findings)
    for index, step in enumerate(pipeline.steps):
        _check_step(step, ("steps", index), names, findings)
    _check_cycles(pipeline.dependency_graph, pipeline.steps, ("steps",), findings)
    _check_outputs(pipeline, names.steps, findings)
    return findings


def _check_names(steps: Sequence[BaseStep], at: Path, seen: dict[str, Path], findings: list[Finding]) -> None:
    for index, step in enumerate(steps):
        key = (*at, index)
        if step.name in seen:
            fix = f"rename one; '{step.name}_2' is free"
            message = f"the step name '{step.name}' is used twice (first: {key_path_text(seen[step.name])})"
            findings.append(Finding("duplicate_step", (*key, "name"), message, "each name once", fix))
        elif step.name in ROOTS:
            findings.append(
                Finding(
                    "reserved_name", (*key, "name"), f"'{step.name}' has a meaning of its own", fix="rename the step"
                )
            )
        else:
            seen[step.name] = key
        if isinstance(step, ForLoopStep):
            _check_names(step.steps, (*key, "steps"), dict(seen), findings)


def _check_step(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    _check_references(step, at, names, findings)
    _check_depends_on(step, at, names, findings)
    match step:
        case FileOpsStep():
            for key in ("path", "source", "destination"):
                _check_inside(getattr(step, key), (*at, key), findings)
        case DataTransformStep():
            _check_operations(step, at, findings)
        case GeminiStep():
            for index, function in enumerate(step.functions):
                if function not in names.functions:
                    fix = _fix(function, names.functions, "declare it under gemini_functions")
                    message = f"there is no function '{function}'"
                    findings.append(Finding("missing_function", (*at, "functions", index), message, fix=fix))
        case PipelineStep():
            _check_nested(step, at, names.files, findings)
        case ForLoopStep():
            inner = replace(
                names,
                steps=names.steps | {each.name for each in step.steps},
                iterators=names.iterators | {step.iterator},
            )
            for index, each in enumerate(step.steps):
                _check_step(each, (*at, "steps", index), inner, findings)
        case _:
            pass
    _check_claude_options(step, at, findings)
    _check_inside(step.output_to_file, (*at, "output_to_file"), findings)


def _check_references(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    found, problems = references(step)
    inside = ("steps",) if isinstance(step, ForLoopStep) else ()
    for problem in problems:
        if not inside or problem.key[:1] != inside:
            findings.append(Finding(problem.code, (*at, *problem.key), problem.reason))
    own = inner_names(step)
    told: set[tuple[str, Path]] = set()
    for each in found:
        if inside and each.key[:1] == inside:
            continue
        finding = _judge(each, step, at, names, own)
        if finding and (finding.message, finding.key) not in told:
            told.add((finding.message, finding.key))
            findings.append(finding)


def _judge(each: Reference, step: BaseStep, at: Path, names: Names, own: frozenset[str]) -> Finding | None:
    root, key = str(each.path[0]), (*at, *each.key)
    second = str(each.path[1]) if len(each.path) > 1 else None
    if root == "steps":
        return _judge_step(second, step, key, names) if second is not None else None
    if root == "loop":
        if names.iterators or (isinstance(step, ForLoopStep) and each.key[:1] == ("break_condition",)):
            return None
        return Finding("loop_outside", key, "'loop' exists only inside a for_loop", fix="move the step into the loop")
    if root in {"state", "global_vars", "inputs"}:
        return _judge_variable(root, second, key, names) if second is not None else None
    if root == "workflow" or root in names.iterators or (root in own and each.key[:1] == ("break_condition",)):
        return None
    if names.iterators and root in LOOP_FACTS:
        return Finding("missing_name", key, f"'{root}' is not a name here", fix=f"write 'loop.{root}'")
    if root in names.steps:
        return _judge_step(root, step, key, names)
    if root in names.variables or root in names.inputs or root in names.global_vars:
        return None
    match = nearest(root, names.steps, 0.8)
    if each.kind == "template" and not (match and second is not None):
        return None
    others = names.steps | names.variables | names.inputs | names.global_vars
    fix = _fix(root, others, f"declare '{root}' under inputs" if each.kind != "source" else "name an earlier step")
    return Finding("missing_step", key, f"'{root}' is no step, input or variable", f"one of: {_list(others)}", fix)


def _judge_step(name: str | None, step: BaseStep, key: Path, names: Names) -> Finding | None:
    if name == step.name:
        return Finding("self_reference", key, f"step '{name}' refers to its own result", fix="name an earlier step")
    if name is None or name in names.steps:
        return None
    fix = _fix(name, names.steps, "add that step, or remove the reference")
    return Finding("missing_step", key, f"there is no step '{name}'", f"one of: {_list(names.steps)}", fix)


def _judge_variable(root: str, name: str | None, key: Path, names: Names) -> Finding | None:
    known = {"state": names.variables, "global_vars": names.global_vars, "inputs": names.inputs}[root]
    if name is None or name in known:
        return None
    if root == "inputs":
        if nearest(name, known, 0.8) is None:
            return None
    elif root == "global_vars" and not known:
        return None
    fix = _fix(name, known, "set it with a set_variable step" if root == "state" else f"declare it under {root}")
    return Finding("missing_variable", key, f"there is no '{root}.{name}'", f"one of: {_list(known)}", fix)


def _check_depends_on(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    for index, name in enumerate(step.depends_on):
        finding = _judge_step(name, step, (*at, "depends_on", index), names)
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
        if isinstance(step, ForLoopStep):
            _check_cycles(dependencies(step), step.steps, (*at, index, "steps"), findings)


def _check_outputs(pipeline: Pipeline, steps: set[str], findings: list[Finding]) -> None:
    if not isinstance(pipeline.outputs, tuple):
        return
    for index, each in enumerate(pipeline.outputs):
        name = str(parse_path(each.path)[0]) if isinstance(each, OutputPath) and parse_path(each.path) else each
        if name not in steps:
            fix = _fix(str(name), steps, "name a step")
            findings.append(Finding("missing_step", ("outputs", index), f"there is no step '{name}'", fix=fix))


def _check_operations(step: DataTransformStep, at: Path, findings: list[Finding]) -> None:
    for index, operation in enumerate(step.operations):
        name = operation.get("operation")
        key = (*at, "operations", index)
        if name is None:
            fix = f"add `operation:` (one of {', '.join(TRANSFORM_OPERATIONS)})"
            findings.append(Finding("missing", key, "the operation has no 'operation' key", fix=fix))
        elif name not in TRANSFORM_OPERATIONS:
            fix = _fix(str(name), TRANSFORM_OPERATIONS, "")
            expected = f"one of: {', '.join(TRANSFORM_OPERATIONS)}"
            findings.append(
                Finding("unknown_operation", (*key, "operation"), f"Unknown operation: {name}", expected, fix)
            )


def _check_nested(step: PipelineStep, at: Path, known: frozenset[str] | None, findings: list[Finding]) -> None:
    file = step.pipeline_file
    if file is not None and known is not None and not is_template(file) and file not in known:
        message = f"there is no pipeline file '{file}'"
        findings.append(
            Finding("missing_pipeline", (*at, "pipeline_file"), message, fix=_fix(file, known, "check the path"))
        )
    if step.pipeline is None:
        return
    inner = check_pipeline(step.pipeline, known)
    findings += [Finding(f.code, (*at, "pipeline", *f.key), f.message, f.expected, f.fix) for f in inner]
    if step.config.inherit_context:
        return
    for name in step.pipeline.required_inputs:
        if name not in step.inputs:
            message = f"the nested pipeline needs the input '{name}'"
            findings.append(Finding("missing_input", (*at, "pipeline"), message, fix=f"add `{name}:` under inputs"))


def _check_claude_options(step: BaseStep, at: Path, findings: list[Finding]) -> None:
    holders: list[tuple[Path, object]] = [(at, step)]
    if isinstance(step, ParallelClaudeStep):
        holders += [((*at, "parallel_tasks", i), task) for i, task in enumerate(step.parallel_tasks)]
    for key, holder in holders:
        options: Mapping[str, object] = getattr(holder, "claude_options", None) or {}
        for name in options:
            if name not in CLAUDE_OPTIONS:
                fix = _fix(name, CLAUDE_OPTIONS, "remove it")
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


def _fix(word: str, known: Iterable[str], otherwise: str) -> str:
    match = nearest(word, known)
    return f"write '{match}'" if match else otherwise


def _list(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:12]) + (", ..." if len(ordered) > 12 else "") or "none"
