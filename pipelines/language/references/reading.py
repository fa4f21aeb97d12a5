"""Everything a step reads, taken from its templates, conditions, prompt parts and sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import JsonValue

from pipelines.language.conditions import compile_condition, condition_texts
from pipelines.language.diagnostics import ConditionError, Path, TemplateError
from pipelines.language.scope import ROOTS, Segments
from pipelines.language.sources import source_path
from pipelines.language.steps import (
    BaseStep,
    DataTransformStep,
    DeployStep,
    ExecutorStep,
    FileCheck,
    ForLoopStep,
    FunctionSpec,
    FunctionsStep,
    SwitchStep,
)
from pipelines.language.templates import compile_template, is_template, quoted_files, readable_paths

# Read as they stand, by other rules, or not at all.
_NOT_TEMPLATES: Final = frozenset(
    {
        "name", "type", "condition", "break_condition", "continue_condition", "depends_on", "retry", "on_error",
        "role", "description", "streaming", "budget_class", "prompt_parts", "output_schema", "steps", "cases",
        "default", "pipeline", "outputs", "config", "iterator", "batch_config", "retry_config", "input_source",
        "data_source", "extraction_config", "token_budget", "choices", "fields",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reference:
    """One name a step reads: its path and the key it stands under. `kind`: template, condition or source."""

    path: Segments
    key: Path
    kind: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A text of a step that cannot be compiled."""

    code: str
    key: Path
    reason: str


Read = tuple[tuple[Reference, ...], tuple[Problem, ...]]


def references(step: BaseStep) -> Read:
    """Everything `step` reads, its sub-steps included (their own names too), and what cannot be compiled.

    Worked out once a step.
    """
    # Kept beside the fields, as cached_property does: models are frozen, and the checks, the graph and the implied
    # inputs all ask.
    kept = cast("dict[str, Read]", vars(step))
    if "_references" not in kept:
        found, problems = _read(step)
        kept["_references"] = tuple(found), tuple(problems)
    return kept["_references"]


def _read(step: BaseStep) -> tuple[list[Reference], list[Problem]]:
    found: list[Reference] = []
    problems: list[Problem] = []
    for key, text in _texts(_template_fields(step), ()):
        _read_template(text, key, found, problems)
        # The path of a file that a prompt quotes is a text of its own, rendered before the prompt.
        for path in quoted_files(text) if "file(" in text else ():
            _read_template(path, key, found, problems)
    for name in ("condition", "break_condition", "continue_condition"):
        _read_condition(getattr(step, name, None), (name,), found, problems)
    if isinstance(step, SwitchStep):
        for index, case in enumerate(step.cases):
            _read_condition(case.condition, ("cases", index, "condition"), found, problems)
            for inner, text in _texts(case.when, ("cases", index, "when")):
                _read_template(text, inner, found, problems)
    for key, source in _sources(step):
        if isinstance(source, str) and not is_template(source):
            path = source_path(source)
            if path:
                found.append(Reference(path, key, "source"))
        else:
            for inner, text in _texts(source, key):
                _read_template(text, inner, found, problems)
    if isinstance(step, FunctionsStep):
        for key, inner_step in function_steps(step):
            inner_found, inner_problems = references(inner_step)
            found += [Reference(r.path, (*key, *r.key), r.kind) for r in inner_found]
            problems += [Problem(p.code, (*key, *p.key), p.reason) for p in inner_problems]
    for at, steps in step.bodies():
        for index, inner_step in enumerate(steps):
            inner_found, inner_problems = references(inner_step)
            found += [Reference(r.path, (*at, index, *r.key), r.kind) for r in inner_found]
            problems += [Problem(p.code, (*at, index, *p.key), p.reason) for p in inner_problems]
    return found, problems


def template_references(value: Any, key: Path) -> tuple[list[Reference], list[Problem]]:
    """What the templates anywhere in `value` read, and which of them cannot be compiled."""
    found: list[Reference] = []
    problems: list[Problem] = []
    for inner, text in _texts(value, key):
        _read_template(text, inner, found, problems)
    return found, problems


def prompt_files(step: BaseStep) -> tuple[str, ...]:
    """Paths (as written, perhaps templates) whose text `Scope.files` must hold before the step is rendered."""
    found: list[str] = []
    for _, text in _texts(_template_fields(step), ()):
        found += quoted_files(text) if is_template(text) else ()
    return tuple(dict.fromkeys(found))


def function_steps(step: FunctionsStep) -> Iterator[tuple[Path, BaseStep]]:
    """The steps that answer its function calls, with the keys they stand under."""
    for name in ("functions", "tools"):
        for index, each in enumerate(getattr(step, name)):
            if isinstance(each, FunctionSpec) and each.step is not None:
                yield (name, index, "step"), each.step


def referred_step(path: Segments) -> str:
    """The step a path would name: `steps.X...` or a bare root; empty when it can be none."""
    if path[0] == "steps":
        return str(path[1]) if len(path) > 1 else ""
    return "" if path[0] in ROOTS else str(path[0])


def _template_fields(step: BaseStep) -> dict[str, Any]:
    return {
        name: getattr(step, name)
        for name in type(step).model_fields
        if (name not in _NOT_TEMPLATES or (name == "pipeline" and isinstance(step, ExecutorStep | DeployStep)))
        and getattr(step, name) is not None
    }


def _texts(value: Any, key: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, each in cast("Mapping[str, Any]", value).items():
            yield from _texts(each, (*key, name))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(cast("list[Any]", value)):
            yield from _texts(each, (*key, index))
    elif isinstance(value, FileCheck):
        yield from _texts(value.path, (*key, "path"))
    elif isinstance(value, FunctionSpec):
        yield from _texts(value.returns, (*key, "returns"))
    elif hasattr(value, "prompt") and hasattr(value, "id"):
        own = {"prompt": value.prompt, "system": value.system, "file": getattr(value, "file", None)}
        yield from _texts(own, key)


def _read_template(text: str, key: Path, found: list[Reference], problems: list[Problem]) -> None:
    if not is_template(text):
        return
    try:
        found += [Reference(path, key, "template") for path in compile_template(text).paths]
    except TemplateError as error:
        problems.append(Problem("template", key, error.reason))
        # What can be read of it still makes the step wait: where such texts are let pass, it is rendered.
        found += [Reference(path, key, "template") for path in readable_paths(text)]


def _read_condition(condition: JsonValue, key: Path, found: list[Reference], problems: list[Problem]) -> None:
    try:
        for text in condition_texts(condition):
            compiled = compile_condition(text)
            found += [Reference(path, key, "condition") for path in compiled.paths]
            found += [Reference(path, key, "template") for path in compiled.template_paths]
    except ConditionError as error:
        problems.append(Problem("condition", key, error.reason))


def _sources(step: BaseStep) -> Iterator[tuple[Path, JsonValue]]:
    if isinstance(step, DataTransformStep):
        yield ("input_source",), step.input_source
        for index, operation in enumerate(step.operations):
            if "right_source" in operation:
                yield ("operations", index, "right_source"), operation["right_source"]
    elif isinstance(step, ForLoopStep):
        yield ("data_source",), step.data_source
