"""Which recorded results a run may take over when it is run again, from some step on or by another definition. Pure.

A step's result still holds when the step reads as it did, everything it depends on still holds, and nothing of the
pipeline that every step can see has changed. `finally` steps always run anew: they belong to an ending.

Inside of a step that consists of steps the journal's order decides: whatever depends on an inner step was recorded
after it. So a run that begins anew at an inner step keeps what was recorded before that, within the same outer step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipelines.language import Pipeline, Step, dependencies

# The journal's own names for what steps and runs keep beside results.
OPENED: Final = "/@opened"
FORMER: Final = "/@former"
# What a step can see of its pipeline without naming it.
_SEEN_BY_ALL: Final = (
    "defaults", "global_vars", "variables", "unresolved_names", "workspace_dir", "output_dir", "gemini_functions",
    "environment",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Takeover:
    """`taken` are the steps whose results hold, `anew` the others with the reason. `records` are the journal's paths
    of what is taken, those inside of composite steps too; `within` are those of them that lie inside of a step that
    itself runs anew."""

    taken: tuple[str, ...]
    anew: Mapping[str, str]
    records: tuple[str, ...]
    within: tuple[str, ...] = ()


class ReplayRefusedError(ValueError):
    """There is nothing sensible to do; the text says what to ask for instead."""

    code = "replay_refused"


def take_over(old: Pipeline, new: Pipeline, recorded: Mapping[str, str], from_step: str | None = None) -> Takeover:
    """What a new run by `new` takes over of a finished one by `old`. `recorded` maps the journal's paths to statuses,
    in the order of their recording. `from_step` is a step or the path of one inside of steps ("loop[3]/inner").

    Raises `ReplayRefusedError` for a step that is not there, and when nothing would run anew.
    """
    if from_step is not None:
        _check_step(new, from_step, recorded)
    anew = _anew(old, new, recorded, from_step)
    if not anew:
        names = ", ".join(step.name for step in new.steps[:20])
        raise ReplayRefusedError(
            f"nothing would run anew: every step has a result that still holds. Name the step to begin with "
            f"(--from, one of: {names}) or give another definition (--definition)"
        )
    taken = tuple(step.name for step in new.steps if step.name not in anew)
    within = () if from_step is None else _kept_before(from_step, _anew(old, new, recorded, None), recorded)
    wanted = {*taken, *within}
    records = tuple(path for path in recorded if _top(path) in wanted or path in wanted)
    return Takeover(taken, anew, records, within)


def _kept_before(from_step: str, otherwise: Mapping[str, str], recorded: Mapping[str, str]) -> tuple[str, ...]:
    """What stays inside of the outermost step around `from_step`: what was recorded before anything of that was, up to
    the first failure. `otherwise` is what would run anew if no step had been asked for."""
    top = _top(from_step)
    if top == from_step or otherwise.get(top, _FAILED) not in (_FAILED, _NO_RESULT):
        return ()
    kept: list[str] = []
    for path, status in recorded.items():
        if path == from_step or _is_inside(path, from_step) or (status == "failed" and _is_inside(path, top)):
            break
        # Since when a step that holds pipelines is at work is about another run; the definition it read still holds.
        if _is_inside(path, top) and not path.endswith(OPENED):
            kept.append(path)
    return tuple(kept)


def no_longer_held(old: Pipeline, new: Pipeline, recorded: Mapping[str, str]) -> tuple[str, ...]:
    """The paths of the results that do not hold any more when a failed run goes on, by `new`, from where it failed.

    A composite step that failed keeps what its inner steps have made, but for the failed ones.
    """
    anew = _anew(old, new, recorded, None)
    resumable = {name for name, why in anew.items() if why in (_FAILED, _NO_RESULT)}
    names = {step.name for step in new.steps}
    failed = [path for path, status in recorded.items() if status == "failed"]
    dropped: list[str] = []
    for path, status in recorded.items():
        top = _top(path)
        if path.startswith(FORMER):
            continue
        gone = status == "failed" or path.endswith(OPENED) or _kept_by(path, failed)
        if top not in names or (top in anew and (gone or top not in resumable)):
            dropped.append(path)
    return tuple(dropped)


_FAILED: Final = "it failed"
_NO_RESULT: Final = "it has no result"


def _anew(old: Pipeline, new: Pipeline, recorded: Mapping[str, str], from_step: str | None) -> dict[str, str]:
    changed = _changed_for_all(old, new)
    before: dict[str, Step] = {step.name: step for step in old.steps}
    anew: dict[str, str] = {}
    for step in new.steps:
        why = f"the pipeline's {changed} has changed" if changed else _reason(step, before, recorded, from_step)
        if why is not None:
            anew[step.name] = why
    _spread(anew, dependencies(new))
    return {step.name: anew[step.name] for step in new.steps if step.name in anew}


def _reason(step: Step, before: Mapping[str, Step], recorded: Mapping[str, str], from_step: str | None) -> str | None:
    if step.name == from_step:
        return "it was asked for"
    if step.name not in before:
        return "it is new"
    if _reads(step) != _reads(before[step.name]):
        return "its definition has changed"
    if from_step is not None and step.name == _top(from_step):
        return _asked_within(from_step)
    status = recorded.get(step.name)
    if status is None:
        return _NO_RESULT
    return _FAILED if status == "failed" else None


def _spread(anew: dict[str, str], needs: Mapping[str, frozenset[str]]) -> None:
    """Whatever depends on a step that runs anew does so, too."""
    waiting = list(anew)
    dependents: dict[str, list[str]] = {}
    for name, others in needs.items():
        for other in others:
            dependents.setdefault(other, []).append(name)
    while waiting:
        cause = waiting.pop()
        for name in dependents.get(cause, ()):
            if name not in anew or anew[name] in (_FAILED, _NO_RESULT):
                if anew.get(name) == _NO_RESULT and anew[cause] in (_FAILED, _NO_RESULT):
                    continue  # it was never begun: nothing of it is in question
                if name not in anew:
                    waiting.append(name)
                anew[name] = f"it depends on '{cause}'"


def _changed_for_all(old: Pipeline, new: Pipeline) -> str | None:
    return next((name for name in _SEEN_BY_ALL if getattr(old, name) != getattr(new, name)), None)


def _reads(step: Step) -> dict[str, Any]:
    return step.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _top(path: str) -> str:
    """The step of the pipeline itself that a path leads into; empty for what the run keeps for itself."""
    for index, sign in enumerate(path):
        if sign in "/[":
            return path[:index]
    return path


def _kept_by(path: str, failed: Collection[str]) -> bool:
    """Whether it is something that a failed step without inner steps kept for itself (a person's answer, a wait)."""
    owner, mark, _ = path.partition("/@")
    return bool(mark) and owner in failed


def _asked_within(path: str) -> str:
    return f"'{path}' in it was asked for"


def _is_inside(path: str, outer: str) -> bool:
    return path.startswith(outer) and path[len(outer) : len(outer) + 1] in ("/", "[")


def _check_step(pipeline: Pipeline, name: str, recorded: Mapping[str, str]) -> None:
    if name in {step.name for step in pipeline.steps}:
        return
    if name in {step.name for step in pipeline.finally_}:
        raise ReplayRefusedError(f"'{name}' is a `finally` step; those run in every replay. Name another step")
    top = _top(name)
    if top in {step.name for step in pipeline.steps}:
        inner = [path for path in recorded if _is_inside(path, top) and "/@" not in path]
        if name in inner:
            return
        known = f"recorded inside of '{top}': {_listed(inner[:20])}" if inner else f"nothing inside of '{top}' is"
        raise ReplayRefusedError(
            f"'{name}' is no recorded step; {known}. Name one of them, or the outer step as a whole (--from {top})"
        )
    raise ReplayRefusedError(f"there is no step '{name}'; there are: {_listed(s.name for s in pipeline.steps)}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
