"""The questions of a `claude_batch`: its tasks, and its prompt for each of its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

from pydantic import JsonValue

from actors.steps.asking import rendered_options
from actors.steps.context import StepContext
from actors.steps.errors import WorkspaceFileError
from pipelines.language import ClaudeBatchStep, PromptPart, compile_template, is_template, render, render_text

MOST_TASKS: Final = 10_000
_FILES: Final = "@files"
_WILD: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Question:
    """One task. `prompt` is template text; `file` a path whose text belongs to it, at the place that the prompt says or
    (`places_the_file` false) behind it."""

    id: str
    index: int
    prompt: str
    file: str | None = None
    system: str | None = None
    options: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    parts: tuple[PromptPart, ...] = ()

    @property
    def places_the_file(self) -> bool:
        """Whether the prompt mentions the file."""
        return is_template(self.prompt) and any(path[0] == "loop" for path in compile_template(self.prompt).paths)


async def questions_of(context: StepContext) -> list[Question]:
    """All of them, in their order; the same ones after a crash, whatever the workspace holds by then.

    Raises `TemplateError`, or `WorkspaceFileError` when there are too many.
    """
    step: ClaudeBatchStep = context.step
    found: list[Question] = []
    for task in step.tasks:
        file = None if task.file is None else render_text(task.file, context.scope)
        own = rendered_options(task.claude_options, context.scope)
        found.append(Question(task.id, len(found), task.prompt, file, task.system, own, task.prompt_parts))
    if step.files is not None:
        paths = await context.record(_FILES, list[JsonValue](await _paths(context, render(step.files, context.scope))))
        taken = {each.id for each in found}
        for path in paths if isinstance(paths, list) else ():
            name = str(path)
            id_ = f"file:{name}" if name in taken else name
            found.append(Question(id_, len(found), step.prompt or "", name, parts=step.prompt_parts))
    elif step.prompt is not None and not step.tasks:
        found.append(Question("default_task", 0, step.prompt, parts=step.prompt_parts))
    if len(found) > MOST_TASKS:
        raise WorkspaceFileError(f"the batch has {len(found)} tasks, more than {MOST_TASKS}; split it")
    return found


async def _paths(context: StepContext, wanted: JsonValue) -> list[str]:
    """The files that a path, a pattern, or a list of those and of `{path}` maps names, each once."""
    paths: dict[str, None] = {}
    for each in wanted if isinstance(wanted, list) else [wanted]:
        text = each.get("path") if isinstance(each, Mapping) else each
        if not isinstance(text, str):
            raise WorkspaceFileError(f"`files` holds {text!r}; expected paths or patterns")
        if _WILD.isdisjoint(text):
            paths[text] = None
        else:
            paths |= dict.fromkeys(await _matching(context, text))
    return list(paths)


async def _matching(context: StepContext, pattern: str) -> list[str]:
    """Files that fit, by name. `*` stays within a folder, `**` goes through them."""
    parts = PurePosixPath(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if not _WILD.isdisjoint(part))
    below = "/".join(parts[:fixed]) or "."
    deep = len(parts) > fixed + 1
    entries = await context.in_thread(context.jail.list, below, recursive=deep)
    return sorted(each.path for each in entries if _fits(PurePosixPath(each.path).parts, parts))


def _fits(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_fits(path[skipped:], pattern[1:]) for skipped in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _fits(path[1:], pattern[1:])
