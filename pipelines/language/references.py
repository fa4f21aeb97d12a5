"""What a step reads and writes, and the graph that follows from it.

References in templates, conditions, prompt parts and sources make the edges, with `depends_on`. Steps that share no
name run side by side. Two kinds of edge follow the order of the text: variables (`state`) and files of the workspace,
where a later step must not overtake an earlier one that reads or writes the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import JsonValue

from .conditions import compile_condition, condition_texts
from .diagnostics import ConditionError, Path, TemplateError
from .scope import ROOTS, Missing, Scope, Segments, parse_path
from .steps import (
    BaseStep,
    DataTransformStep,
    FileOpsStep,
    ForLoopStep,
    PromptStep,
    SetVariableStep,
)
from .templates import compile_template, describe_missing, is_template, render

# Read as they stand, by other rules, or not at all.
_NOT_TEMPLATES: Final = frozenset(
    {
        "name", "type", "condition", "break_condition", "depends_on", "retry", "on_error", "role", "description",
        "streaming", "prompt_parts", "output_schema", "steps", "pipeline", "outputs", "config", "iterator",
        "input_source", "data_source", "extraction_config", "token_budget",
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


def source_path(source: str) -> Segments:
    """`previous_response:step:a.b`, `context:field`, `step:a.b`, `steps.x.y` or a bare name, as a path."""
    head, _, rest = source.strip().partition(":")
    if head == "previous_response" and rest:
        return ("steps", *parse_path(rest))
    if head == "context" and rest:
        return parse_path(rest)
    return parse_path(source.strip())


def resolve_source(source: JsonValue, scope: Scope) -> JsonValue:
    """The data a source names; lists and maps are themselves. Raises `TemplateError` when nothing is there."""
    if not isinstance(source, str) or is_template(source):
        return render(source, scope)
    path = source_path(source)
    value = scope.find_data(path) if path else None
    if isinstance(value, Missing):
        raise TemplateError(source, describe_missing(path, scope))
    return value


def prompt_files(step: BaseStep) -> tuple[str, ...]:
    """Paths (as written, perhaps templates) whose text `Scope.files` must hold before the step is rendered."""
    found: list[str] = []
    for _, text in _texts(_template_fields(step), ()):
        found += compile_template(text).files if is_template(text) else ()
    return tuple(dict.fromkeys(found))


def references(step: BaseStep) -> tuple[list[Reference], list[Problem]]:
    """Everything `step` reads, sub-steps of a loop included (their own names too), and what cannot be compiled."""
    found: list[Reference] = []
    problems: list[Problem] = []
    for key, text in _texts(_template_fields(step), ()):
        _read_template(text, key, found, problems)
    for name in ("condition", "break_condition"):
        _read_condition(getattr(step, name, None), (name,), found, problems)
    for key, source in _sources(step):
        if isinstance(source, str) and not is_template(source):
            path = source_path(source)
            if path:
                found.append(Reference(path, key, "source"))
        else:
            for inner, text in _texts(source, key):
                _read_template(text, inner, found, problems)
    if isinstance(step, ForLoopStep):
        for index, inner_step in enumerate(step.steps):
            inner_found, inner_problems = references(inner_step)
            found += [Reference(r.path, ("steps", index, *r.key), r.kind) for r in inner_found]
            problems += [Problem(p.code, ("steps", index, *p.key), p.reason) for p in inner_problems]
    return found, problems


def template_references(value: Any, key: Path) -> tuple[list[Reference], list[Problem]]:
    """What the templates anywhere in `value` read, and which of them cannot be compiled."""
    found: list[Reference] = []
    problems: list[Problem] = []
    for inner, text in _texts(value, key):
        _read_template(text, inner, found, problems)
    return found, problems


def written_variables(step: BaseStep) -> frozenset[str]:
    """Names of state variables the step (or a step inside its loop) sets."""
    if isinstance(step, SetVariableStep):
        return frozenset(step.variables)
    written: frozenset[str] = frozenset()
    if isinstance(step, ForLoopStep):
        for each in step.steps:
            written |= written_variables(each)
    return written


def inner_names(step: BaseStep) -> frozenset[str]:
    """Names that exist only inside the step: its iterator and its sub-steps, at any depth."""
    if not isinstance(step, ForLoopStep):
        return frozenset()
    return frozenset({step.iterator}).union(*({each.name} | inner_names(each) for each in step.steps))


def free_names(steps: Sequence[BaseStep], known: frozenset[str], inputs: frozenset[str]) -> tuple[str, ...]:
    """Names templates use that no step, loop, variable or declared input gives: the run must be given them."""
    names = {step.name for step in steps} | known
    free: dict[str, None] = {}
    for step in steps:
        inner = inner_names(step)
        for each in references(step)[0]:
            root = str(each.path[0])
            if root == "inputs" and len(each.path) > 1:
                if str(each.path[1]) not in inputs:
                    free[str(each.path[1])] = None
            elif each.kind == "template" and root not in ROOTS and not (root in names or root in inner):
                free[root] = None
    return tuple(free)


def build_graph(steps: Sequence[BaseStep]) -> dict[str, frozenset[str]]:
    """Step name -> names of the steps of the same list it waits for. A text that cannot be compiled adds nothing."""
    names = {step.name for step in steps}
    written = [written_variables(step) for step in steps]
    variables: frozenset[str] = frozenset[str]().union(*written)
    uses = [_file_uses(step) for step in steps]
    reads: list[frozenset[str]] = []
    graph: dict[str, frozenset[str]] = {}
    for index, step in enumerate(steps):
        found, _ = references(step)
        inner = inner_names(step)
        waits = {name for name in step.depends_on if name in names}
        waits |= {name for each in found if (name := referred_step(each.path)) in names and name not in inner}
        read = _read_variables(found, variables, names | inner)
        reads.append(read)
        for earlier in range(index) if read or written[index] or uses[index] else ():
            clash = written[earlier] & (read | written[index]) or reads[earlier] & written[index]
            if clash or _files_clash(uses[earlier], uses[index]):
                waits.add(steps[earlier].name)
        graph[step.name] = frozenset(waits)
    return graph


def referred_step(path: Segments) -> str:
    """The step a path would name: `steps.X...` or a bare root; empty when it can be none."""
    if path[0] == "steps":
        return str(path[1]) if len(path) > 1 else ""
    return "" if path[0] in ROOTS else str(path[0])


def find_cycle(graph: Mapping[str, Iterable[str]]) -> tuple[str, ...] | None:
    """One chain of steps that wait for each other, first name repeated at the end; None when there is none."""
    done: set[str] = set()
    for start in graph:
        trail: list[str] = []
        stack: list[Iterator[str]] = []
        if start not in done:
            trail, stack = [start], [iter(sorted(graph[start]))]
        while stack:
            following = next(stack[-1], None)
            if following is None:
                stack.pop()
                done.add(trail.pop())
            elif following in trail:
                return (*trail[trail.index(following) :], following)
            elif following in graph and following not in done:
                trail.append(following)
                stack.append(iter(sorted(graph[following])))
    return None


def waves(graph: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """The steps in rounds: each round waits only for earlier ones. In the order of the text within a round.

    Raises `ValueError` when the graph has a cycle.
    """
    waiting = {name: set(others) for name, others in graph.items()}
    done: set[str] = set()
    rounds: list[tuple[str, ...]] = []
    while waiting:
        ready = tuple(name for name, others in waiting.items() if others <= done)
        if not ready:
            raise ValueError(f"steps wait for each other: {', '.join(waiting)}")
        rounds.append(ready)
        done.update(ready)
        for name in ready:
            del waiting[name]
    return tuple(rounds)


def _template_fields(step: BaseStep) -> dict[str, Any]:
    return {
        name: getattr(step, name)
        for name in type(step).model_fields
        if name not in _NOT_TEMPLATES and getattr(step, name) is not None
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
    elif hasattr(value, "prompt") and hasattr(value, "id"):
        yield from _texts({"prompt": value.prompt, "system": value.system}, key)


def _read_template(text: str, key: Path, found: list[Reference], problems: list[Problem]) -> None:
    if not is_template(text):
        return
    try:
        found += [Reference(path, key, "template") for path in compile_template(text).paths]
    except TemplateError as error:
        problems.append(Problem("template", key, error.reason))


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


def _read_variables(found: list[Reference], variables: frozenset[str], shadowing: set[str]) -> frozenset[str]:
    read: set[str] = set()
    for each in found:
        root = str(each.path[0])
        if root == "state":
            read |= {str(each.path[1])} if len(each.path) > 1 else variables
        elif root in variables and (root not in shadowing or each.kind == "source"):
            read.add(root)
    return frozenset(read)


def _file_uses(step: BaseStep) -> list[tuple[str, bool]]:
    """(path, changes it) of what a step does in the workspace, as far as the text tells."""
    if isinstance(step, FileOpsStep):
        if step.operation in {"copy", "move"}:
            return [(step.source or "", step.operation == "move"), (step.destination or "", True)]
        return [(step.path or "", step.operation in {"write", "delete"})]
    if isinstance(step, PromptStep):
        return [(path, False) for path in _safe_prompt_files(step)]
    if isinstance(step, ForLoopStep):
        return [use for each in step.steps for use in _file_uses(each)]
    return []


def _safe_prompt_files(step: BaseStep) -> tuple[str, ...]:
    try:
        return prompt_files(step)
    except TemplateError:
        return ()


def _files_clash(earlier: list[tuple[str, bool]], later: list[tuple[str, bool]]) -> bool:
    return any((changes_a or changes_b) and _overlap(a, b) for a, changes_a in earlier for b, changes_b in later)


def _overlap(a: str, b: str) -> bool:
    if is_template(a) or is_template(b):
        return True
    first, second = _parts(a), _parts(b)
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]
