"""What steps and outputs refer to: names that cannot exist, texts that cannot be compiled, waiting in a circle."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pipelines.language.diagnostics import Path
from pipelines.language.parts import OutputPath
from pipelines.language.pipeline import Pipeline, dependencies
from pipelines.language.references import Reference, find_cycle, inner_names, references, template_references
from pipelines.language.scope import ROOTS, parse_path
from pipelines.language.steps import BaseStep, DataTransformStep

from .judging import Finding, Names, fix_for, judge, judge_step

_QUOTED: Final = re.compile(r"'([^']{2,60})'")
_REST: Final = re.compile(r"at character \d+: '(.+?)(?:\.\.\.)?'$")
_ADVICE: Final = {
    "template": ("an expression over inputs, steps, state, global_vars or loop", "correct the expression"),
    "condition": ("a comparison such as steps.a.result == 'x'", "correct the condition"),
}


def check_references(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    """Adds the names that `step` reads and that cannot be there, and its texts that cannot be compiled."""
    found, problems = references(step)
    inside = tuple(body for body, _ in step.bodies())
    for problem in problems:
        if not _is_under(problem.key, inside):
            found_here = Finding(
                problem.code,
                (*at, *problem.key),
                problem.reason,
                *_ADVICE.get(problem.code, ("", "")),
                word=_word_of(problem.reason),
            )
            findings.append(_softened(found_here) if names.lenient and problem.code == "template" else found_here)
    own = inner_names(step)
    told: set[tuple[str, Path]] = set()
    for each in found:
        if _is_under(each.key, inside):
            continue
        finding = judge(each, step, at, names, own)
        finding = replace(finding, word=finding.word or _written(each)) if finding else None
        part = _part_of(each.path, step) if finding else None
        if finding and each.kind == "source" and finding.code == "missing_step":
            finding = replace(finding, message=_of_source(step, each))
        if finding and part is not None:
            message = f"Step '{step.name}' references non-existent steps: {each.path[1]}"
            finding = replace(finding, key=(*at, "prompt", part, "step"), message=message, word="")
        if finding and (finding.message, finding.key) not in told:
            told.add((finding.message, finding.key))
            if names.lenient and each.kind == "template" and part is None:
                finding = _softened(finding)
            elif names.lenient and each.kind == "condition" and finding.code in {"missing_step", "missing_variable"}:
                finding = replace(finding, severity="warning", message=f"{finding.message}; it is null here")
            findings.append(finding)


def check_depends_on(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    """Adds the steps it says it waits for that are not there."""
    for index, name in enumerate(step.depends_on):
        finding = judge_step(name, step, (*at, "depends_on", index), names)
        if finding:
            findings.append(finding)


def check_outputs(pipeline: Pipeline, names: Names, findings: list[Finding]) -> None:
    """Adds what the outputs name that is not there."""
    if isinstance(pipeline.outputs, Mapping):
        found, problems = template_references(pipeline.outputs, ("outputs",))
        findings += [Finding(each.code, each.key, each.reason, *_ADVICE["template"]) for each in problems]
        for each in found:
            finding = judge(each, None, (), names, frozenset())
            if finding:
                findings.append(replace(finding, word=_written(each)))
        return
    for index, each in enumerate(pipeline.outputs or ()):
        name = str(parse_path(each.path)[0]) if isinstance(each, OutputPath) and parse_path(each.path) else each
        if name not in names.steps:
            fix = fix_for(str(name), names.steps, "name a step")
            message = f"there is no step '{name}'"
            findings.append(Finding("missing_step", ("outputs", index), message, fix=fix, word=str(name)))


def check_cycles(
    graph: Mapping[str, frozenset[str]], steps: Sequence[BaseStep], at: Path, findings: list[Finding]
) -> None:
    """Adds one chain of steps that wait for each other, of the list and of every list inside."""
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
            check_cycles(dependencies(step, number), inner, (*at, index, *body), findings)


def _of_source(step: BaseStep, reference: Reference) -> str:
    """Data that are not there, in pipeline_ex's words."""
    if isinstance(step, DataTransformStep):
        return f"Input source '{step.input_source}' not found"
    return f"Step result not found: {reference.path[1] if reference.path[0] == 'steps' else reference.path[0]}"


def _written(reference: Reference) -> str:
    """How the text says a reference: down to the name that is not there."""
    root, second = str(reference.path[0]), str(reference.path[1]) if len(reference.path) > 1 else ""
    return f"{root}.{second}" if root in ROOTS and second and reference.kind != "source" else root


def _word_of(reason: str) -> str:
    """The word that a compiler's sentence complains about; else the beginning of the template."""
    rest = _REST.search(reason)
    if rest is not None:
        return rest[1]
    if "{{" in reason or "unexpected" in reason.casefold() or "expected" in reason.casefold():
        return "{{"
    quoted = _QUOTED.search(reason)
    return quoted[1] if quoted else ""


def _softened(finding: Finding) -> Finding:
    """A fault of a template as a warning, where pipeline_ex's rules for such names hold."""
    return replace(finding, severity="warning", message=f"{finding.message}; it is rendered as pipeline_ex does")


def _part_of(path: Sequence[str | int], step: BaseStep) -> int | None:
    """The prompt part of the step that names this step: pipeline_ex does not let that pass either."""
    if len(path) < 2 or path[0] != "steps":
        return None
    parts = enumerate(getattr(step, "prompt_parts", ()))
    return next((index for index, part in parts if getattr(part, "step", None) == path[1]), None)


def _is_under(key: Path, bodies: tuple[Path, ...]) -> bool:
    return any(key[: len(body)] == body for body in bodies)
