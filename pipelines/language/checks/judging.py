"""Whether what a step or an output refers to can exist, and the sentence when it cannot."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipelines.language.diagnostics import Path, nearest
from pipelines.language.references import Reference
from pipelines.language.scope import LOOP_FACTS
from pipelines.language.steps import BaseStep, ClaudeBatchStep, ForLoopStep, WhileLoopStep

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold, at a key of the canonical map."""

    code: str
    key: Path
    message: str
    expected: str = ""
    fix: str = ""
    severity: Severity = "error"
    word: str = ""
    """What is wrong inside the value at the key, as the text says it; empty: the value as a whole."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pipeline may name outside of itself. None: not known here, so everything is let pass."""

    pipelines: frozenset[str] | None = None
    providers: frozenset[str] | None = None

    @classmethod
    def of(cls, pipelines: Iterable[str] | None, providers: Iterable[str] | None) -> Surroundings:
        """From whatever the caller has."""
        return cls(
            None if pipelines is None else frozenset(pipelines), None if providers is None else frozenset(providers)
        )


@dataclass(frozen=True, slots=True)
class Names:
    """What a reference may mean at one place of a pipeline."""

    steps: set[str]
    functions: frozenset[str]
    around: Surroundings
    variables: frozenset[str]
    inputs: frozenset[str]
    global_vars: frozenset[str]
    iterators: frozenset[str] = frozenset()
    in_loop: bool = False
    lenient: bool = False
    inside: Mapping[str, str] = field(default_factory=dict[str, str])
    """Steps of bodies that cannot be reached from outside, with the step around them."""
    at_the_end: frozenset[str] = frozenset()
    """Names of `finally` steps, which no other step can wait for."""


def judge(each: Reference, step: BaseStep | None, at: Path, names: Names, own: frozenset[str]) -> Finding | None:
    """The fault of one reference, or None. `step` reads it (None: an output does), `own` are the names inside of it."""
    root, key = str(each.path[0]), (*at, *each.key)
    second = str(each.path[1]) if len(each.path) > 1 else None
    # What is asked between the passes of a loop sees what the last one left.
    between = step is not None and _is_between_passes(step, each.key)
    if root == "steps":
        if between and second in own:
            return None
        return judge_step(second, step, key, names) if second is not None else None
    if root == "loop":
        if names.in_loop or between or (isinstance(step, ClaudeBatchStep) and step.files is not None):
            return None
        return Finding("loop_outside", key, "'loop' exists only inside a loop", fix="move the step into the loop")
    if root in {"state", "global_vars", "inputs"}:
        return _judge_variable(root, second, key, names) if second is not None else None
    if root == "workflow" or root in names.iterators or (root in own and between):
        return None
    if names.in_loop and root in LOOP_FACTS:
        return Finding("missing_name", key, f"'{root}' is not a name here", fix=f"write 'loop.{root}'")
    if root in names.steps or root in names.at_the_end:
        return judge_step(root, step, key, names)
    if root in names.variables or root in names.inputs or root in names.global_vars:
        return None
    match = nearest(root, names.steps, 0.8)
    if each.kind == "template" and not (match and second is not None):
        return None
    others = names.steps | names.variables | names.inputs | names.global_vars
    fix = fix_for(root, others, f"declare '{root}' under inputs" if each.kind != "source" else "name an earlier step")
    message = f"'{root}' is no step, input or variable"
    if each.kind == "source":
        message = f"Step result not found: {root}"
    return Finding("missing_step", key, message, f"one of: {listed(others)}", fix)


def _is_between_passes(step: BaseStep, key: Path) -> bool:
    if isinstance(step, WhileLoopStep) and key[:1] == ("condition",):
        return True
    return isinstance(step, ForLoopStep | WhileLoopStep) and key[:1] in {("break_condition",), ("continue_condition",)}


def judge_step(name: str | None, step: BaseStep | None, key: Path, names: Names) -> Finding | None:
    """The fault of a step's name at `key`, or None."""
    if step is not None and name == step.name:
        return Finding("self_reference", key, f"step '{name}' refers to its own result", fix="name an earlier step")
    if name is None or name in names.steps:
        return None
    if name in names.at_the_end:
        message = f"the step '{name}' runs in `finally`, when everything else has ended"
        fix = "read it in a later `finally` step, or move it to `steps`"
        return Finding("finally_reference", key, message, f"one of: {listed(names.steps)}", fix)
    if (around := names.inside.get(name)) is not None:
        message = f"step '{name}' is inside '{around}', and its results are part of that step's"
        return Finding("missing_step", key, message, fix=f"read steps.{around}, or move this step into '{around}'")
    fix = fix_for(name, names.steps, "add that step, or remove the reference")
    return Finding("missing_step", key, f"there is no step '{name}'", f"one of: {listed(names.steps)}", fix)


def _judge_variable(root: str, name: str | None, key: Path, names: Names) -> Finding | None:
    known = {"state": names.variables, "global_vars": names.global_vars, "inputs": names.inputs}[root]
    if name is None or name in known:
        return None
    if root == "inputs":
        if nearest(name, known, 0.8) is None:
            return None
    elif root == "global_vars" and not known:
        return None
    fix = fix_for(name, known, "set it with a set_variable step" if root == "state" else f"declare it under {root}")
    return Finding("missing_variable", key, f"there is no '{root}.{name}'", f"one of: {listed(known)}", fix)


def fix_for(word: str, known: Iterable[str], otherwise: str) -> str:
    """What to write instead: the nearest known name, else `otherwise`."""
    match = nearest(word, known)
    return f"write '{match}'" if match else otherwise


def listed(names: Iterable[str]) -> str:
    """The names in order, at most twelve of them."""
    ordered = heapq.nsmallest(13, names)
    return ", ".join(ordered[:12]) + (", ..." if len(ordered) > 12 else "") or "none"
