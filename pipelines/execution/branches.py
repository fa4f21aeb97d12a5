"""What a `switch`, a `break` or a `continue` leaves behind for the steps around it.

Their results say all of it, so that a resumed run comes to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast

from pydantic import JsonValue

from pipelines.language import Scope, Step, SwitchStep, evaluate, render, to_text

Leaving = Literal["break", "continue"]

MAY_LEAVE: Final = frozenset({"break", "continue", "switch"})
_LEFT_BY: Final = "left_by"


def leaving_result(step: Step) -> JsonValue:
    """The result of a `break` or `continue` that was reached."""
    return {"success": True, _LEFT_BY: step.type}


def left_by(step: Step, result: JsonValue) -> Leaving | None:
    """Whether a step with this result ends the pass it stands in, and how."""
    if step.type not in MAY_LEAVE or not isinstance(result, Mapping):
        return None
    said = result.get(_LEFT_BY)
    return cast("Leaving", said) if said in {"break", "continue"} else None


def choose_branch(step: SwitchStep, scope: Scope) -> int | None:
    """The place of the branch among `step.bodies()`; None when no case fits and there is no default.

    Raises `TemplateError` or `ConditionError`.
    """
    value = render(step.value, scope)
    for index, case in enumerate(step.cases):
        if case.condition is None:
            if _fits(value, render(case.when, scope)):
                return index
        elif evaluate(case.condition, scope):
            return index
    return None if step.default is None else len(step.cases)


def _fits(value: JsonValue, when: JsonValue) -> bool:
    if isinstance(when, list) and not isinstance(value, list):
        return any(_fits(value, each) for each in when)
    if isinstance(when, str) and not isinstance(value, str):
        return to_text(value) == when  # keys of a map are texts, whatever they mean
    if isinstance(when, bool) or isinstance(value, bool):
        return when is value
    return when == value


def branch_label(step: SwitchStep, branch: int | None) -> str | None:
    """How a branch is called in the result: its value or condition, or `default`."""
    if branch is None:
        return None
    if branch == len(step.cases):
        return "default"
    case = step.cases[branch]
    return to_text(case.when if case.condition is None else case.condition)


def switch_result(
    step: SwitchStep, branch: int | None, results: Mapping[str, JsonValue], leaving: Leaving | None
) -> dict[str, JsonValue]:
    """The result of a switch whose branch is done."""
    result: dict[str, JsonValue] = {
        "success": True,
        "branch": branch_label(step, branch),
        "branch_index": branch,
        "results": dict(results),
    }
    return result if leaving is None else {**result, _LEFT_BY: leaving}


def offered_results(step: Step, result: JsonValue) -> dict[str, JsonValue]:
    """What steps beside a switch see of the steps inside: their results, or that they were skipped."""
    if not isinstance(step, SwitchStep):
        return {}
    given: Mapping[str, JsonValue] = result if isinstance(result, Mapping) else {}
    branch, kept = given.get("branch_index"), given.get("results")
    results: Mapping[str, JsonValue] = kept if isinstance(kept, Mapping) else {}
    skipped: JsonValue = {"success": True, "skipped": True, "reason": f"Branch not chosen: {step.name}"}
    offered: dict[str, JsonValue] = {}
    for index, (_, steps) in enumerate(step.bodies()):
        for each in steps:
            chosen = index == branch and each.name in results
            own: JsonValue = results[each.name] if chosen else skipped
            for name, value in {each.name: own, **offered_results(each, own)}.items():
                # A name that stands in several branches means the one that was taken.
                if chosen or name not in offered:
                    offered[name] = value
    return offered
