"""`file_ops` `validate` and `exists`: what the workspace holds, compared with what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from actors.steps.disk_refusals import shown
from actors.steps.errors import WorkspaceFileError
from actors.steps.jail import Jail, Standing
from pipelines.language import FileCheck


@dataclass(frozen=True, slots=True)
class Judged:
    """One file's result, and the sentence about it when it is not as expected."""

    facts: dict[str, JsonValue]
    problem: str | None


def judge_file(jail: Jail, check: FileCheck, path: str) -> Judged:
    """Compares one path (rendered) with its check. Raises `OutsideWorkspaceError` for a path that leads out."""
    standing = jail.look(path)
    problem = _problem(check, standing)
    facts: dict[str, JsonValue] = {
        "path": path,
        "exists": standing is not None,
        "valid": problem is None,
        "size": None if standing is None else standing.size,
    }
    if problem is not None:
        facts["error"] = problem
    return Judged(facts, None if problem is None else f"{shown(path)} {problem}")


def refuse(found: list[Judged]) -> None:
    """Raises `WorkspaceFileError` naming every file that is not as expected."""
    problems = [each.problem for each in found if each.problem is not None]
    if problems:
        raise WorkspaceFileError(f"{len(problems)} of {len(found)} files are not valid: {'; '.join(problems)}")


def _problem(check: FileCheck, standing: Standing | None) -> str | None:
    if standing is None:
        return "does not exist" if check.must_exist else None
    if check.must_be_file and standing.kind != "file":
        return f"is a {standing.kind}, not a file"
    if check.must_be_dir and standing.kind != "directory":
        return f"is a {standing.kind}, not a directory"
    if check.min_size is not None and standing.size < check.min_size:
        return f"has {standing.size} bytes, fewer than {check.min_size}"
    if check.max_size is not None and standing.size > check.max_size:
        return f"has {standing.size} bytes, more than {check.max_size}"
    if check.must_be_readable and not standing.readable:
        return "cannot be read"
    return "cannot be written" if check.must_be_writable and not standing.writable else None
