"""What a step reads and writes, and the graph that follows from it.

References in templates, conditions, prompt parts and sources make the edges, with `depends_on`. Steps that share no
name run side by side. Two kinds of edge follow the order of the text: variables (`state`) and files of the workspace,
where a later step must not overtake an earlier one that reads or writes the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import JsonValue

from .conditions import compile_condition, condition_texts
from .diagnostics import ConditionError, Path, TemplateError
from .scope import ROOTS, Segments
from .sources import source_path
from .steps import (
    ARGUMENTS,
    BaseStep,
    BreakStep,
    CheckpointStep,
    ClaudeBatchStep,
    ClaudeSessionStep,
    CodebaseQueryStep,
    ContinueStep,
    DataTransformStep,
    ExecutorStep,
    FileCheck,
    FileOpsStep,
    ForLoopStep,
    FunctionSpec,
    FunctionsStep,
    PromptStep,
    SetVariableStep,
    SwitchStep,
)
from .templates import compile_template, is_template, quoted_files, readable_paths

# Read as they stand, by other rules, or not at all.
_NOT_TEMPLATES: Final = frozenset(
    {
        "name", "type", "condition", "break_condition", "continue_condition", "depends_on", "retry", "on_error",
        "role", "description", "streaming", "prompt_parts", "output_schema", "steps", "cases", "default", "pipeline",
        "outputs", "config", "iterator", "batch_config", "retry_config", "input_source", "data_source",
        "extraction_config", "token_budget",
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


def prompt_files(step: BaseStep) -> tuple[str, ...]:
    """Paths (as written, perhaps templates) whose text `Scope.files` must hold before the step is rendered."""
    found: list[str] = []
    for _, text in _texts(_template_fields(step), ()):
        found += quoted_files(text) if is_template(text) else ()
    return tuple(dict.fromkeys(found))


def references(step: BaseStep) -> tuple[list[Reference], list[Problem]]:
    """Everything `step` reads, its sub-steps included (their own names too), and what cannot be compiled."""
    found: list[Reference] = []
    problems: list[Problem] = []
    for key, text in _texts(_template_fields(step), ()):
        _read_template(text, key, found, problems)
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


def function_steps(step: FunctionsStep) -> Iterator[tuple[Path, BaseStep]]:
    """The steps that answer its function calls, with the keys they stand under."""
    for name in ("functions", "tools"):
        for index, each in enumerate(getattr(step, name)):
            if isinstance(each, FunctionSpec) and each.step is not None:
                yield (name, index, "step"), each.step


def template_references(value: Any, key: Path) -> tuple[list[Reference], list[Problem]]:
    """What the templates anywhere in `value` read, and which of them cannot be compiled."""
    found: list[Reference] = []
    problems: list[Problem] = []
    for inner, text in _texts(value, key):
        _read_template(text, inner, found, problems)
    return found, problems


def written_variables(step: BaseStep) -> frozenset[str]:
    """Names of state variables the step (or a step inside of it) sets."""
    if isinstance(step, SetVariableStep):
        return frozenset(step.variables)
    written: frozenset[str] = frozenset()
    for _, steps in step.bodies():
        for each in steps:
            written |= written_variables(each)
    return written


def inner_names(step: BaseStep) -> frozenset[str]:
    """Names that exist only inside the step: its iterator and its sub-steps, at any depth."""
    if isinstance(step, FunctionsStep) and step.all_functions:
        return frozenset({ARGUMENTS})
    inside = (each for _, steps in step.bodies() for each in steps)
    return step.local_names.union(*({each.name} | inner_names(each) for each in inside))


def offered_names(step: BaseStep) -> frozenset[str]:
    """Names of sub-steps that later steps may refer to as if they stood beside `step`: those of a switch."""
    if not isinstance(step, SwitchStep):
        return frozenset()
    inside = (each for _, steps in step.bodies() for each in steps)
    return frozenset[str]().union(*({each.name} | offered_names(each) for each in inside))


def visible_names(steps: Iterable[BaseStep]) -> frozenset[str]:
    """What steps of one list may call each other, with what their switches offer."""
    return frozenset[str]().union(*({each.name} | offered_names(each) for each in steps))


def leaves(step: BaseStep) -> bool:
    """Whether the step may end the pass of the loop around it: `break`, `continue`, or a switch that holds one."""
    if isinstance(step, SwitchStep):
        return any(leaves(each) for _, steps in step.bodies() for each in steps)
    return isinstance(step, BreakStep | ContinueStep)


def free_names(steps: Sequence[BaseStep], known: frozenset[str], inputs: frozenset[str]) -> tuple[str, ...]:
    """Names templates use that no step, loop, variable or declared input gives: the run must be given them."""
    names = visible_names(steps) | known
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


def input_names(steps: Sequence[BaseStep]) -> frozenset[str]:
    """Names that are read as `inputs.x` somewhere."""
    return frozenset(
        str(each.path[1])
        for step in steps
        for each in references(step)[0]
        if each.path[0] == "inputs" and len(each.path) > 1
    )


def build_graph(steps: Sequence[BaseStep]) -> dict[str, frozenset[str]]:
    """Step name -> names of the steps of the same list it waits for. A text that cannot be compiled adds nothing."""
    home = {name: step.name for step in steps for name in ({step.name} | offered_names(step))}
    written = [written_variables(step) for step in steps]
    variables: frozenset[str] = frozenset[str]().union(*written)
    uses = [_file_uses(step) for step in steps]
    reads: list[frozenset[str]] = []
    graph: dict[str, frozenset[str]] = {}
    for index, step in enumerate(steps):
        found, _ = references(step)
        inner = inner_names(step)
        waits = {home[name] for name in step.depends_on if name in home}
        waits |= {home[name] for each in found if (name := referred_step(each.path)) in home and name not in inner}
        waits |= _order_of_text(steps, index)
        waits |= _earlier_turns(steps, index)
        read = _read_variables(found, variables, home.keys() | inner)
        reads.append(read)
        for earlier in range(index) if read or written[index] or uses[index] else ():
            clash = written[earlier] & (read | written[index]) or reads[earlier] & written[index]
            if clash or _files_clash(uses[earlier], uses[index]):
                waits.add(steps[earlier].name)
        graph[step.name] = frozenset(waits)
    return graph


def _earlier_turns(steps: Sequence[BaseStep], index: int) -> set[str]:
    """The steps before that speak in the same session, as far as the text tells: a conversation has an order."""
    step = steps[index]
    if not isinstance(step, ClaudeSessionStep):
        return set()
    own = step.session_config.session_name or step.name
    return {
        each.name
        for each in steps[:index]
        if isinstance(each, ClaudeSessionStep) and (each.session_config.session_name or each.name) == own
    }


def _order_of_text(steps: Sequence[BaseStep], index: int) -> set[str]:
    """What must be done before a step begins although nothing refers to it: around a step that may end the pass, and
    around a checkpoint, the order is the text's."""
    if _is_barrier(steps[index]):
        return {each.name for each in steps[:index]}
    return {each.name for each in steps[:index] if _is_barrier(each)}


def _is_barrier(step: BaseStep) -> bool:
    return isinstance(step, CheckpointStep) or leaves(step)


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
        if (name not in _NOT_TEMPLATES or (name == "pipeline" and isinstance(step, ExecutorStep)))
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
        if step.source is not None:
            written = [] if step.destination is None else [(step.destination, True)]
            return [(step.source, step.operation == "move"), *written]
        if step.operation == "validate":
            return [(each.path, False) for each in step.files]
        return [(step.path or "", step.operation in {"write", "delete"})]
    if isinstance(step, CodebaseQueryStep):
        return [(step.path, False)]
    if isinstance(step, ClaudeBatchStep):
        named = step.files if isinstance(step.files, list) else [step.files or ""]
        # Up to the first wildcard: what is below a folder may be what the pattern means.
        paths = [re.split(r"[*?\[]", each)[0] for each in named if isinstance(each, str) and each]
        return [(path, False) for path in (*paths, *(task.file for task in step.tasks if task.file is not None))]
    if isinstance(step, PromptStep):
        uses = [(path, False) for path in _safe_prompt_files(step)]
        inner = (each for _, each in function_steps(step)) if isinstance(step, FunctionsStep) else ()
        return [*uses, *(use for each in inner for use in _file_uses(each))]
    return [use for _, steps in step.bodies() for each in steps for use in _file_uses(each)]


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
