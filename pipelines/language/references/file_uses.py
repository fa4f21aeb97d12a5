"""What a step does in the workspace, as far as the text tells, and when two of them must keep their order."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from pipelines.language.diagnostics import TemplateError
from pipelines.language.steps import (
    BaseStep,
    ClaudeBatchStep,
    CodebaseQueryStep,
    FileOpsStep,
    FunctionsStep,
    PromptStep,
)
from pipelines.language.templates import is_template

from .reading import function_steps, prompt_files

_Parts = tuple[str, ...]
_MOST_PARTS: Final = 32


def file_uses(step: BaseStep) -> list[tuple[str, bool]]:
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
        return [*uses, *(use for each in inner for use in file_uses(each))]
    return [use for _, steps in step.bodies() for each in steps for use in file_uses(each)]


def _safe_prompt_files(step: BaseStep) -> tuple[str, ...]:
    try:
        return prompt_files(step)
    except TemplateError:
        return ()


class FilesInUse:
    """Which steps used which paths. Two uses clash when one path holds the other and one of the two changes it.

    A path with a template may be any, so it counts as the workspace itself; of a very deep one the first parts count.
    """

    def __init__(self) -> None:
        # Keyed by (parts, whether only those who change it): the users of just this path, and of it or anything below.
        self._at: defaultdict[tuple[_Parts, bool], list[str]] = defaultdict(list)
        self._within: defaultdict[tuple[_Parts, bool], list[str]] = defaultdict(list)

    def add(self, step: str, uses: Iterable[tuple[str, bool]]) -> None:
        """Notes that `step` uses these (path, changes it)."""
        for path, changes in uses:
            parts = _parts(path)
            for only_changes in (False, True) if changes else (False,):
                self._at[parts, only_changes].append(step)
                for length in range(len(parts) + 1):
                    self._within[parts[:length], only_changes].append(step)

    def clashing(self, uses: Iterable[tuple[str, bool]]) -> set[str]:
        """The steps noted so far whose uses clash with these."""
        found: set[str] = set()
        for path, changes in uses:
            parts, only_changes = _parts(path), not changes
            found.update(self._within.get((parts, only_changes), ()))
            for length in range(len(parts)):
                found.update(self._at.get((parts[:length], only_changes), ()))
        return found


def _parts(path: str) -> _Parts:
    if is_template(path):
        return ()
    return tuple(part for part in path.split("/") if part not in {"", "."})[:_MOST_PARTS]
