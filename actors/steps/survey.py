"""All files of a codebase with their texts, read inside the jail within limits. Blocking code."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from actors.steps.errors import OutsideWorkspaceError, WorkspaceFileError
from actors.steps.jail import MAX_DEPTH, Jail
from pipelines.codebase import ReadFile, is_read, read_source

LARGEST_FILE: Final = 1_000_000
SKIPPED: Final = frozenset(
    {
        ".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", "_build", "deps", "target", "dist",
        "build", "vendor", ".tox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".elixir_ls", "cover", ".idea",
    }
)  # fmt: skip
"""Directories of other people's and of generated code."""


@dataclass(slots=True)
class SurveyLimits:
    """`now` gives seconds, as does `deadline`; `stopped` is asked whether anybody still waits."""

    max_files: int
    max_bytes: int
    deadline: float
    now: Callable[[], float]
    stopped: Callable[[], bool]


@dataclass(slots=True)
class Survey:
    """`left_out` says which limits were reached, with the first path each left out."""

    files: list[ReadFile] = field(default_factory=list[ReadFile])
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    bytes_read: int = 0


class CodebaseJail(Jail):
    """A jail that looks through whole trees. Links and special files are passed over, as in a listing."""

    def survey(self, path: str, exclude: frozenset[str], limits: SurveyLimits) -> Survey:
        """The files below `path` by name, without the directories of `SKIPPED` and `exclude`. Raises as `Jail`."""
        found = Survey()
        parts = self.relative(path)
        with self._directory(parts, path) as directory:
            self._look(directory, "/".join(parts), limits, found, skipped=SKIPPED | exclude, depth=0)
        return found

    def _look(
        self, directory: int, prefix: str, limits: SurveyLimits, found: Survey, *, skipped: frozenset[str], depth: int
    ) -> None:
        for name in sorted(os.listdir(directory)):
            path = f"{prefix}/{name}" if prefix else name
            if len(found.files) >= limits.max_files:
                found.left_out.setdefault("max_files", path)
                return
            if limits.now() >= limits.deadline or limits.stopped():
                found.left_out.setdefault("max_seconds", path)
                return
            try:
                facts = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode):
                    text = self._text(directory, path, facts.st_size, limits, found)
                    found.files.append(read_source(path, facts.st_size, facts.st_mtime, text))
                elif stat.S_ISDIR(facts.st_mode) and name not in skipped and path not in skipped:
                    if depth >= MAX_DEPTH:
                        found.left_out.setdefault("depth", path)
                        continue
                    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                    try:
                        self._look(inner, path, limits, found, skipped=skipped, depth=depth + 1)
                    finally:
                        os.close(inner)
            except FileNotFoundError:
                continue  # deleted since the directory was read

    def _text(self, directory: int, path: str, size: int, limits: SurveyLimits, found: Survey) -> str | None:
        if not is_read(path):
            return None
        if size > LARGEST_FILE:
            found.left_out.setdefault("file_size", path)
            return None
        if found.bytes_read + size > limits.max_bytes:
            found.left_out.setdefault("max_bytes", path)
            return None
        try:
            with self._file(directory, path.rsplit("/", 1)[-1], path) as file, os.fdopen(os.dup(file), "rb") as stream:
                data = stream.read(LARGEST_FILE + 1)[:LARGEST_FILE]
        except (OutsideWorkspaceError, WorkspaceFileError, PermissionError):
            found.left_out.setdefault("unreadable", path)
            return None
        found.bytes_read += len(data)
        return data.decode("utf-8", "replace")
